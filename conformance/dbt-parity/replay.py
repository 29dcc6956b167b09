#!/usr/bin/env python3
"""Owlet against recorded facts of dbt Core: no dbt is needed, only the checkouts.

    replay.py CHECKOUTS --owlet BIN [--compile] [NAME…]

CHECKOUTS holds the projects that facts/*.json name, with their packages installed, at the commits written there. A project that is not there is
left out, and said so. `--compile` wants an empty lakehouse at $AWS_ENDPOINT_URL. The exit code is 1 when a fact does not hold.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import facts
from parity import OTHER_SECTIONS, PROFILE, SECTIONS, Owlet, comparable, is_internal, without_run

HERE = Path(__file__).resolve().parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", type=Path)
    parser.add_argument("names", nargs="*", help="of facts; by default all")
    parser.add_argument("--owlet", required=True)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_intermixed_args()
    failed = 0
    for file in sorted((HERE / "facts").glob("*.json")):
        if options.names and file.stem not in options.names:
            continue
        recorded = facts.read(file)
        project = options.checkouts / recorded["project"]
        if not project.exists():
            print(f"{file.stem}: left out, there is no {project}")
            continue
        with tempfile.TemporaryDirectory() as directory:
            failed += not holds(file.stem, recorded, Owlet(str(Path(options.owlet).resolve()), project.resolve(), profiles(Path(directory)), recorded["vars"]), options.compile)
    return 1 if failed else 0


def profiles(directory: Path) -> Path:
    (directory / "profiles.yml").write_text(json.dumps(PROFILE))
    return directory


def holds(name: str, recorded: dict, owlet: Owlet, compile_too: bool) -> bool:
    with tempfile.TemporaryDirectory() as directory:
        code, manifest, log = owlet.manifest("parse", Path(directory) / "manifest.json")
        if not manifest:
            print(f"{name}: parse ended with {code}\n{log[:2000]}")
            return False
        found = digests(manifest)
        lacking = recorded["resources"] - set(found)
        said = f"{name}: {len(recorded['resources']) - len(lacking)} of {len(recorded['resources'])} resources"
        missed = set()
        if compile_too and recorded["compiled"]:
            _, compiled, _ = owlet.manifest("compile", Path(directory) / "compiled.json", *recorded.get("compile_arguments", []))
            nodes = compiled.get("nodes", {}).items()
            given = {facts.of_code(unique_id, without_run(node["compiled_code"])) for unique_id, node in nodes if node.get("compiled_code") is not None}
            missed = recorded["compiled"] - given
            said += f", {len(recorded['compiled']) - len(missed)} of {len(recorded['compiled'])} compiled texts"
        print(said)
        if lacking:
            others = [unique_id for digest, unique_id in found.items() if digest not in recorded["resources"]]
            print(f"  unknown with us: {', '.join(sorted(others)[:10])}")
        return not lacking and not missed


def digests(manifest: dict) -> dict[str, str]:
    found = {}
    for section in [*SECTIONS, *OTHER_SECTIONS]:
        for unique_id, resource in (manifest.get(section) or {}).items():
            if not is_internal(unique_id) and not section.endswith("_map"):
                found[facts.of_resource(section, unique_id, comparable(section, resource))] = unique_id
    return found


if __name__ == "__main__":
    sys.exit(main())
