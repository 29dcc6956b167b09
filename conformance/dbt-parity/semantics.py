#!/usr/bin/env python3
"""Which semantic layers dbt refuses, and of which it warns: the cases of semantics.yml, by dbt Core and by Owlet.

    semantics.py --owlet /path/to/owlet [--show] [NAME…]
    semantics.py --owlet /path/to/owlet --record [NAME…]

semantics.json holds what dbt Core says of each case, so that a comparison needs no dbt; `--record` asks it, in the Python that it is
installed in, about the cases that are new or changed (or named), and shows every difference in full. A case is one of the `projects` with some of its values changed: `set` names them by
path (`metrics.0.name`; `+` appends, null removes). It may have files of Open Semantic Interchange: `osi` gives each path a text, or names
one of the `documents`, of which `osi_set` changes values (`PATH: {…}`); `project` has keys for dbt_project.yml. Compared are whether the
project is refused, how many warnings of the semantic layer there are, by name, and of accepted projects the semantic manifest,
osi_document.json (`(none)` where it is not written), and what manifest.json says of resources from files of Open Semantic Interchange.
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
    "MFConverterIssue",
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
            files = osi_files(case, cases["documents"])
            asked = digest([cases["models"], document, case.get("flags", {}), files, case.get("project", {})])
            known = recorded.get(case["name"])
            theirs = known if known is not None and known["asked"] == asked and not options.names else None
            project.write(document, case.get("flags", {}), case.get("project", {}), files)
            if theirs is None and options.record:
                theirs = project.by_dbt()
                recorded[case["name"]] = {"asked": asked, **summary(theirs)}
                write_record(recorded, cases["cases"])
            failed += not agree(case["name"], project.by_owlet(options.owlet), theirs or known, options.show)
    print(f"{len(wanted)} cases, {failed} differ", file=sys.stderr)
    return 1 if failed else 0


def write_record(recorded: dict, cases: list[dict]):
    names = [case["name"] for case in cases]
    lines = (f"{json.dumps(name)}: {json.dumps(recorded[name])}" for name in names if name in recorded)
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")


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
            found.append("the semantic manifest or osi_document.json is another")
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


def osi_files(case: dict, documents: dict) -> dict[str, str]:
    """The texts of a case's files of Open Semantic Interchange, by path."""
    files = {}
    for path, content in case.get("osi", {}).items():
        if content in documents:
            content = json.dumps(changed(documents[content], case.get("osi_set", {}).get(path, {})), indent=2)
        files[path] = content
    return files


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
        self.osi_files: list[Path] = []
        (directory / "models").mkdir()
        for name, code in models.items():
            (directory / "models" / f"{name}.sql").write_text(code)
        target = {"type": "duckdb", "path": str(directory / "awsdatacatalog.duckdb"), "schema": "dev", "threads": 1}
        (directory / "dbt").mkdir()
        (directory / "dbt" / "profiles.yml").write_text(json.dumps({"p": {"target": "dev", "outputs": {"dev": target}}}))
        athena = {"type": "athena", "schema": "dev", "database": "awsdatacatalog", "region_name": "us-east-1", "s3_staging_dir": "s3://x/"}
        (directory / "owlet").mkdir()
        (directory / "owlet" / "profiles.yml").write_text(json.dumps({"p": {"target": "dev", "outputs": {"dev": athena}}}))

    def write(self, document: dict, flags: dict, more: dict, osi_files: dict[str, str]):
        project = {"name": "semantics", "version": "1.0", "profile": "p", "flags": {**flags, "send_anonymous_usage_stats": False}, **more}
        (self.directory / "dbt_project.yml").write_text(json.dumps(project))
        (self.directory / "models" / "semantics.yml").write_text(yaml.safe_dump(document, sort_keys=False))
        for path in self.osi_files:
            path.unlink()
        self.osi_files = [self.directory / path for path in osi_files]
        for path, text in osi_files.items():
            (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
            (self.directory / path).write_text(text)
        for who in ("dbt", "owlet"):
            (self.directory / who / "osi_document.json").unlink(missing_ok=True)

    def arguments(self, who: str) -> list[str]:
        return ["--project-dir", str(self.directory), "--profiles-dir", str(self.directory / who), "--target-path", str(self.directory / who)]

    def by_dbt(self) -> dict:
        from dbt.cli.main import dbtRunner

        warnings, said = [], []

        def listen(event):
            if event.info.level in ("warn", "error"):
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
        manifest = None if refused else what_is_written(self.directory / who)
        return {"refused": refused, "warnings": sorted(warnings), "manifest": manifest, "said": said}


def what_is_written(target: Path) -> dict:
    return {**semantic_manifest(target), "osi": osi_document(target / "osi_document.json"), **osi_resources(target)}


def osi_document(path: Path) -> dict | str:
    """osi_document.json, its parts by kind and name; those that may share one are sorted."""
    if not path.exists():
        return "(none)"
    document = json.loads(path.read_text())
    (model,) = document["semantic_model"]
    named = {f"{kind}.{each['name']}": each for kind in ("datasets", "metrics") for each in model.pop(kind, [])}
    relationships = sorted(model.pop("relationships", []), key=json.dumps)
    return {**document, **named, "relationships": relationships}


def osi_resources(target: Path) -> dict:
    """What manifest.json has of the files of Open Semantic Interchange."""
    manifest = json.loads((target / "manifest.json").read_text())
    resources = {**manifest["semantic_models"], **manifest["metrics"]}
    times = ("created_at",)
    found = {id: each for id, each in resources.items() if each["original_file_path"].endswith(".json")}
    kept = {f"manifest.{id}": {key: value for key, value in each.items() if key not in times} for id, each in found.items()}
    return {**kept, **({"children": {id: sorted(manifest["child_map"][id]) for id in manifest["child_map"]}} if kept else {})}


if __name__ == "__main__":
    sys.exit(main())
