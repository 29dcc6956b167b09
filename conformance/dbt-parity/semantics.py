#!/usr/bin/env python3
"""Which semantic layers dbt refuses, and of which it warns: the cases of semantics.yml, by dbt Core and by Owlet.

    semantics.py --owlet /path/to/owlet [--show] [NAME…]
    semantics.py --owlet /path/to/owlet --record [NAME…]

semantics.json holds what dbt Core says of each case, so that a comparison needs no dbt; `--record` asks it, in the Python that it is
installed in, about the cases that are new or changed (or named), and shows every difference in full. A case is one of the `projects` with some of its values changed: `set` names them by
path (`metrics.0.name`; `+` appends, null removes). Compared are whether the project is refused, how many warnings of the semantic layer
there are, by name, and of accepted projects the semantic manifest.
"""

import argparse
import contextlib
import copy
import hashlib
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from compare_manifest import differences, semantic_manifest

HERE = Path(__file__).parent
RECORD = HERE / "semantics.json"
# Warnings that are compared.
WARNINGS = {
    "SemanticValidationFailure",
    "GenericSemanticLayerDeprecation",
    "MFCumulativeTypeParamsDeprecation",
    "MFTimespineWithoutYamlConfigurationDeprecation",
    "TimeDimensionsRequireGranularityDeprecation",
    "SpacesInResourceNameDeprecation",
    "ResourceNamesWithSpacesDeprecation",
}
QUIET = ["--no-use-colors", "--no-partial-parse", "--no-version-check", "--no-send-anonymous-usage-stats"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--owlet", required=True)
    parser.add_argument("--record", action="store_true", help="ask dbt")
    parser.add_argument("--show", action="store_true", help="print what is said of each case")
    parser.add_argument("names", nargs="*", help="only these cases")
    options = parser.parse_args()
    cases = yaml.safe_load((HERE / "semantics.yml").read_text())
    recorded = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    wanted = [case for case in cases["cases"] if not options.names or case["name"] in options.names]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="semantics-") as directory:
        project = Project(Path(directory), cases["models"])
        for case in wanted:
            document = changed(cases["projects"][case["of"]], case.get("set", {}))
            asked = digest([cases["models"], document, case.get("flags", {})])
            known = recorded.get(case["name"])
            theirs = known if known is not None and known["asked"] == asked and not options.names else None
            project.write(document, case.get("flags", {}))
            if theirs is None and options.record:
                theirs = project.by_dbt()
                recorded[case["name"]] = {"asked": asked, **summary(theirs)}
            failed += not agree(case["name"], project.by_owlet(options.owlet), theirs or known, options.show)
    if options.record:
        names = [case["name"] for case in cases["cases"]]
        lines = (f"{json.dumps(name)}: {json.dumps(recorded[name])}" for name in names if name in recorded)
        RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{len(wanted)} cases, {failed} differ", file=sys.stderr)
    return 1 if failed else 0


def digest(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


def summary(outcome: dict) -> dict:
    manifest = outcome["manifest"]
    return {"refused": outcome["refused"], "warnings": outcome["warnings"], "manifest": manifest and digest(manifest)}


def agree(name: str, ours: dict, theirs: dict | None, show: bool) -> bool:
    found = []
    if theirs is None:
        found.append("is not recorded")
    elif theirs["refused"] != ours["refused"]:
        found.append(f"dbt {'refuses' if theirs['refused'] else 'accepts'} it")
    elif not theirs["refused"]:
        if theirs["warnings"] != ours["warnings"]:
            found.append(f"warnings: ours {ours['warnings']} theirs {theirs['warnings']}")
        if "said" in theirs:
            found += [f"{path}: ours {a} theirs {b}" for path, a, b in differences("", ours["manifest"], theirs["manifest"])]
        elif theirs["manifest"] != digest(ours["manifest"]):
            found.append("the semantic manifest is another")
    if found or show:
        print(f"== {name}")
    for difference in found:
        print(f"  {difference}")
    if found or show:
        for who, said in (("dbt", (theirs or {}).get("said")), ("owlet", ours["said"])):
            if said is not None:
                print(f"  {who}:")
                print("\n".join(f"    {line}" for line in said.splitlines()))
    return not found


def changed(base: dict, changes: dict) -> dict:
    document = copy.deepcopy(base)
    for path, value in changes.items():
        *above, last = (int(step) if step.isdigit() else step for step in path.split("."))
        target = document
        for step in above:
            target = target[step] if isinstance(step, int) or step in target else target.setdefault(step, {})
        if last == "+":
            target.append(value)
        elif value is None:
            del target[last]
        else:
            target[last] = value
    return document


class Project:
    """The project on disk, and both engines."""

    def __init__(self, directory: Path, models: dict):
        self.directory = directory
        (directory / "models").mkdir()
        for name, code in models.items():
            (directory / "models" / f"{name}.sql").write_text(code)
        target = {"type": "duckdb", "path": str(directory / "awsdatacatalog.duckdb"), "schema": "dev", "threads": 1}
        (directory / "dbt").mkdir()
        (directory / "dbt" / "profiles.yml").write_text(json.dumps({"p": {"target": "dev", "outputs": {"dev": target}}}))
        athena = {"type": "athena", "schema": "dev", "database": "awsdatacatalog", "region_name": "us-east-1", "s3_staging_dir": "s3://x/"}
        (directory / "owlet").mkdir()
        (directory / "owlet" / "profiles.yml").write_text(json.dumps({"p": {"target": "dev", "outputs": {"dev": athena}}}))

    def write(self, document: dict, flags: dict):
        project = {"name": "semantics", "version": "1.0", "profile": "p", "flags": {**flags, "send_anonymous_usage_stats": False}}
        (self.directory / "dbt_project.yml").write_text(json.dumps(project))
        (self.directory / "models" / "semantics.yml").write_text(yaml.safe_dump(document, sort_keys=False))

    def arguments(self, who: str) -> list[str]:
        return ["--project-dir", str(self.directory), "--profiles-dir", str(self.directory / who), "--target-path", str(self.directory / who)]

    def by_dbt(self) -> dict:
        from dbt.cli.main import dbtRunner

        warnings, said = [], []

        def listen(event):
            # dbt makes another document of the same, which Owlet does not.
            if event.info.level in ("warn", "error") and "OSI document could not" not in event.info.msg:
                said.append(f"{event.info.level} {event.info.name}: {event.info.msg}")
                if event.info.name in WARNINGS and event.info.level == "warn":
                    warnings.append(event.info.name)

        with contextlib.redirect_stdout(io.StringIO()):
            quiet = [*QUIET, "--log-level", "none", "--log-level-file", "none", "--show-all-deprecations"]
            result = dbtRunner(callbacks=[listen]).invoke(["parse", *self.arguments("dbt"), *quiet])
        if result.exception is not None:
            said.append(f"{type(result.exception).__name__}: {result.exception}")
        return self.outcome("dbt", not result.success, warnings, "\n".join(said))

    def by_owlet(self, owlet: str) -> dict:
        done = subprocess.run([owlet, "--log-format", "json", "parse", *self.arguments("owlet")], capture_output=True, text=True)
        lines = [json.loads(line)["info"] for line in (done.stdout + done.stderr).splitlines() if line.startswith("{")]
        warnings = [line["name"] for line in lines if line["name"] in WARNINGS and line["level"] == "warn"]
        said = "\n".join(f"{line['level']} {line['name']}: {line['msg']}" for line in lines if line["level"] in ("warn", "error"))
        return self.outcome("owlet", done.returncode != 0, warnings, said or done.stderr)

    def outcome(self, who: str, refused: bool, warnings: list[str], said: str) -> dict:
        manifest = None if refused else semantic_manifest(self.directory / who)
        return {"refused": refused, "warnings": sorted(warnings), "manifest": manifest, "said": said}


if __name__ == "__main__":
    sys.exit(main())
