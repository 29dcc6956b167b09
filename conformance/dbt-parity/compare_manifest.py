#!/usr/bin/env python3
"""Compares our manifest.json of a project with dbt Core's.

    compare_manifest.py OURS.json --project DIR --dbt /path/to/bin/dbt [--compile] [--keep DIR]
    compare_manifest.py OURS.json --theirs THEIRS.json
    compare_manifest.py --owlet /path/to/owlet --project DIR --dbt /path/to/bin/dbt [--compile]

In the last form both engines parse a copy of the project: ours on the embedded lakehouse, dbt Core on a DuckDB file whose
catalog and schema have the names of the lakehouse's, so that the names of relations agree.

The judge runs on a copy of the project. Differences are printed one a line, `<unique id> <member>: ours … theirs …`; the exit code
is 1 when there are any that are not known (see KNOWN).
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Members that cannot agree: times, places, other engines' own things.
IGNORED = {"created_at", "root_path", "build_path"}
SECTIONS = ["nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries", "selectors", "groups", "unit_tests", "functions", "docs", "macros", "disabled", "parent_map", "child_map", "group_map", "semantic_manifest"]
INTERNAL_PACKAGES = {"dbt", "dbt_duckdb", "dbt_athena"}
# Ours is the Athena adapter, the judge's is DuckDB's.
ADAPTER_PREFIX = "^(athena|duckdb|default)__"
# member → why it differs
KNOWN = {}


def judge(project: Path, dbt: str, compile_too: bool, keep: str | None) -> dict:
    directory = Path(keep or tempfile.mkdtemp(prefix="dbt-parity-"))
    copy = directory / "project"
    if copy.exists():
        shutil.rmtree(copy)
    shutil.copytree(project, copy, symlinks=False)
    if (copy / "packages.yml").exists():
        subprocess.run([dbt, "deps"], cwd=copy, check=True, capture_output=True)
    command = [dbt, "compile" if compile_too else "parse", "--no-partial-parse"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return json.loads((copy / "target" / "manifest.json").read_text())


def both(project: Path, owlet: str, dbt: str, compile_too: bool) -> tuple[dict, dict]:
    directory = Path(tempfile.mkdtemp(prefix="dbt-parity-"))
    leave_out = shutil.ignore_patterns("target", "logs", ".owlet", "dbt_packages", "profiles.yml")
    for name in ("ours", "theirs"):
        shutil.copytree(project, directory / name, ignore=leave_out)
    profile = next(
        (line.split(":", 1)[1].split("#")[0].strip().strip("'\"") for line in (project / "dbt_project.yml").open() if line.startswith("profile:")),
        "default",
    )
    target = {"type": "duckdb", "path": str(directory / "awsdatacatalog.duckdb"), "schema": "dev", "threads": 4}
    (directory / "theirs" / "profiles.yml").write_text(json.dumps({profile: {"target": "dev", "outputs": {"dev": target}}}))
    command = "compile" if compile_too else "parse"
    done = subprocess.run([owlet, command], cwd=directory / "ours", capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{owlet} {command} failed:\n{done.stdout}\n{done.stderr}")
    judge_directory = directory / "judge"
    judge(directory / "theirs", dbt, compile_too, str(judge_directory))
    targets = directory / "ours" / "target", judge_directory / "project" / "target"
    return tuple({**read(target / "manifest.json"), "semantic_manifest": semantic_manifest(target)} for target in targets)


def read(path: Path):
    return json.loads(path.read_text())


def semantic_manifest(target: Path) -> dict:
    """The file that MetricFlow reads, its resources by kind and name; `project` is what is said of the whole."""
    found = read(target / "semantic_manifest.json")
    # Says which MetricFlow is installed beside dbt.
    del found["project_configuration"]["dsi_package_version"]
    resources = {f"{kind}.{each['name']}": each for kind in ("semantic_models", "metrics", "saved_queries") for each in found.pop(kind)}
    return {**resources, "semantic.project": found}


def is_internal(unique_id: str) -> bool:
    parts = unique_id.split(".")
    return parts[0] in ("macro", "doc") and parts[1] in INTERNAL_PACKAGES


def differences(path: str, ours, theirs):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in [*theirs, *(k for k in ours if k not in theirs)]:
            if key in IGNORED:
                continue
            if key not in ours:
                yield f"{path}.{key}", "(missing)", theirs[key]
            elif key not in theirs:
                yield f"{path}.{key}", ours[key], "(missing)"
            else:
                yield from differences(f"{path}.{key}" if path else key, ours[key], theirs[key])
    elif ours != theirs:
        yield path, ours, theirs


def without_adapter(macro: str) -> str:
    """A dispatch names the macro of the engine's own adapter."""
    package, name = macro.rsplit(".", 1)
    return f"{package}.{re.sub(ADAPTER_PREFIX, '', name)}"


def comparable(section: str, resource, package_macros_only=True):
    """Calls of internal macros are the engines' own affair below the first level; a dispatch names the candidates of its own adapter."""
    if section == "macros" and isinstance(resource, dict):
        resource = dict(resource)
        macros = resource.get("depends_on", {}).get("macros", [])
        named = [without_adapter(macro) for macro in macros if not is_internal(macro)]
        resource["depends_on"] = {"macros": list(dict.fromkeys(named))}
    return resource


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours", nargs="?")
    parser.add_argument("--owlet")
    parser.add_argument("--theirs")
    parser.add_argument("--project")
    parser.add_argument("--dbt", default="dbt")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("--ignore", action="append", default=[], help="members to leave out")
    options = parser.parse_args()
    IGNORED.update(options.ignore)
    if options.owlet:
        ours, theirs = both(Path(options.project), options.owlet, options.dbt, options.compile)
        return report(ours, theirs)
    ours = json.loads(Path(options.ours).read_text())
    if options.theirs:
        theirs = json.loads(Path(options.theirs).read_text())
    elif options.project:
        theirs = judge(Path(options.project), options.dbt, options.compile, options.keep)
    else:
        parser.error("give --theirs or --project")
    return report(ours, theirs)


def report(ours: dict, theirs: dict) -> int:
    found = known = 0
    compared = 0
    for section in SECTIONS:
        mine, judged = ours.get(section, {}), theirs.get(section, {})
        ids = [i for i in [*judged, *(i for i in mine if i not in judged)] if not is_internal(i)]
        for unique_id in ids:
            compared += 1
            if unique_id not in mine or unique_id not in judged:
                found += 1
                print(f"{section} {unique_id}: {'only theirs' if unique_id in judged else 'only ours'}")
                continue
            a, b = comparable(section, mine[unique_id]), comparable(section, judged[unique_id])
            if section == "disabled":
                a, b = a[0], b[0]
            for path, x, y in differences("", a, b):
                if f"{path}:{unique_id.split('.')[0]}" in KNOWN:
                    known += 1
                    continue
                found += 1
                print(f"{section} {unique_id} {path}:\n    ours   {json.dumps(x)}\n    theirs {json.dumps(y)}")
            if isinstance(a, dict) and list(a) != list(b) and set(a) == set(b):
                found += 1
                print(f"{section} {unique_id}: members in another order")
    print(f"{compared} resources compared, {found} differences, {known} known ones", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
