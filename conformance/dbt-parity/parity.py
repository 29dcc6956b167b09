#!/usr/bin/env python3
"""One project through dbt Core and through Owlet: manifests, selections, exit codes, compiled SQL.

    parity.py PROJECT --owlet BIN --python VENV/bin/python --out DIR [--selections N] [--compile] [--reuse] [--vars YAML] [--record FACTS] [-v]

PROJECT is a folder with its packages installed. Both engines get the profile of an Athena warehouse (dbt-athena for dbt Core); `--compile`
wants one at $AWS_ENDPOINT_URL. dbt Core's answers stay in DIR (see judge.py), `--reuse` takes those of the last run.

Every difference is known (a line of known.txt, which COMPAT.md agrees with) or a fault; faults are grouped and make the exit code 1.
DIR/report.json has the numbers.
"""

import argparse
import fnmatch
import json
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path

import facts

HERE = Path(__file__).resolve().parent
SECTIONS = ["nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries", "functions", "unit_tests", "groups", "selectors", "disabled"]
# Compared as well, and not counted as nodes.
OTHER_SECTIONS = ["macros", "docs", "parent_map", "child_map", "group_map"]
INTERNAL_PACKAGES = {"dbt", "dbt_duckdb", "dbt_athena"}
# Times and places.
IGNORED = {"created_at", "root_path"}
PROFILE = {"parity": {"target": "dev", "outputs": {"dev": {
    "type": "athena", "database": "awsdatacatalog", "schema": "dev", "region_name": "eu-west-1", "s3_staging_dir": "s3://results/parity/", "threads": 4,
}}}}


class Known:
    """known.txt: `section  resource type  member  -- why`, blank-separated globs."""

    def __init__(self):
        self.rules = []
        for line in (HERE / "known.txt").read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                pattern, why = line.split(" -- ", 1)
                self.rules.append((pattern.split(), why.strip()))

    def why(self, section: str, kind: str, member: str) -> str | None:
        for (of_section, of_kind, of_member), why in self.rules:
            if fnmatch.fnmatch(section, of_section) and fnmatch.fnmatch(kind, of_kind) and fnmatch.fnmatch(member, of_member):
                return why
        return None


def is_internal(unique_id: str) -> bool:
    parts = unique_id.split(".")
    return parts[0] in ("macro", "doc") and len(parts) > 1 and parts[1] in INTERNAL_PACKAGES


def differences(path: str, ours, theirs):
    """(member, ours, theirs) of two JSON values."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in [*theirs, *(key for key in ours if key not in theirs)]:
            if key in IGNORED:
                continue
            inner = f"{path}.{key}" if path else key
            if key not in ours:
                yield inner, "(missing)", theirs[key]
            elif key not in theirs:
                yield inner, ours[key], "(missing)"
            else:
                yield from differences(inner, ours[key], theirs[key])
    elif ours != theirs or isinstance(ours, bool) != isinstance(theirs, bool):
        yield path + nature(ours, theirs), ours, theirs


def nature(ours, theirs) -> str:
    """Two lists with the same members in another order, or macros of the same names in other packages."""
    if not (isinstance(ours, list) and isinstance(theirs, list)):
        return ""
    if sorted(map(json.dumps, ours)) == sorted(map(json.dumps, theirs)):
        return "(order)"
    names = [[item.split(".")[-1] if isinstance(item, str) and item.startswith("macro.") else None for item in items] for items in (ours, theirs)]
    return "(package)" if names[0] == names[1] and None not in names[0] else ""


def comparable(section: str, resource):
    """What internal macros call is the engines' own affair."""
    if section == "macros":
        resource = dict(resource)
        called = resource.get("depends_on", {}).get("macros", [])
        resource["depends_on"] = {"macros": [macro for macro in called if not is_internal(macro)]}
    return resource


class Report:
    def __init__(self, known: Known):
        self.known = known
        self.counts, self.identical, self.explained = Counter(), Counter(), Counter()
        self.classes = defaultdict(list)
        self.differing = set()

    def resource(self, section: str, kind: str, unique_id: str, found: list):
        self.counts[section, kind] += 1
        unknown = False
        for member, ours, theirs in found:
            why = self.known.why(section, kind, member)
            if why:
                self.explained[why] += 1
            else:
                unknown = True
                shape = ".".join(member.split(".")[: 3 if member.startswith(("config", "columns")) else 2])
                if member.startswith("columns."):
                    shape = "columns.*." + member.split(".")[-1]
                self.classes[section, kind, shape].append((unique_id, member, ours, theirs))
        if not found:
            self.identical[section, kind] += 1
        else:
            self.differing.add((section, unique_id))
        return unknown

    def manifests(self, ours: dict, theirs: dict):
        for section in [*SECTIONS, *OTHER_SECTIONS]:
            mine, judged = ours.get(section) or {}, theirs.get(section) or {}
            for unique_id in [*judged, *(i for i in mine if i not in judged)]:
                if is_internal(unique_id):
                    continue
                kind = unique_id.split(".")[0]
                if unique_id not in mine or unique_id not in judged:
                    self.resource(section, kind, unique_id, [("(only theirs)" if unique_id in judged else "(only ours)", "", "")])
                    continue
                a, b = comparable(section, mine[unique_id]), comparable(section, judged[unique_id])
                found = list(differences("", a, b)) if isinstance(a, dict) else disabled(a, b) if section == "disabled" else edges(a, b)
                if not found and isinstance(a, dict) and list(a) != list(b):
                    found = [("(order of members)", list(a), list(b))]
                self.resource(section, kind, unique_id, found)

    def selections(self, ours: list, theirs: list):
        for a, b in zip(ours, theirs, strict=True):
            found = []
            if a["exit"] != b["exit"]:
                found.append(("exit code", (a["exit"], a.get("error")), (b["exit"], b.get("error"))))
            elif a["lines"] != b["lines"]:
                extra, lacking = set(a["lines"]) - set(b["lines"]), set(b["lines"]) - set(a["lines"])
                found.append(("lines", sorted(extra)[:5], sorted(lacking)[:5]))
            self.resource("ls", "selection", " ".join(a["arguments"]), found)

    def compiled(self, ours: dict, failed: set, theirs: dict):
        """`failed`: what we could not compile."""
        for unique_id, judged in theirs.items():
            # Seeds have no code; hooks are compiled when they run.
            if unique_id.split(".")[0] in ("seed", "operation"):
                continue
            mine = ours.get("nodes", {}).get(unique_id, {}).get("compiled_code")
            found = []
            if (judged["status"] == "error") != (unique_id in failed):
                found = [("status", "error" if unique_id in failed else "success", judged.get("message") or judged["status"])]
            elif judged["status"] != "error" and without_run(mine) != without_run(judged["code"]):
                found = [(code_nature(mine, judged["code"]), mine, judged["code"])]
            self.resource("compiled", unique_id.split(".")[0], unique_id, found)

    def print(self, verbose: bool):
        for (section, kind, shape), found in sorted(self.classes.items(), key=lambda item: -len(item[1])):
            print(f"{len(found):6}  {section} {kind} {shape}")
            for unique_id, member, ours, theirs in found[: None if verbose else 2]:
                print(f"          {unique_id} {member}")
                print(f"            ours   {json.dumps(ours)[:600]}")
                print(f"            theirs {json.dumps(theirs)[:600]}")
        for why, count in self.explained.most_common():
            print(f"{count:6}  known: {why}")
        nodes = [key for key in self.counts if key[0] in SECTIONS]
        total, same = sum(self.counts[key] for key in nodes), sum(self.identical[key] for key in nodes)
        print(f"nodes: {same} of {total} identical", end="")
        for section in ("macros", "docs", "ls", "compiled"):
            keys = [key for key in self.counts if key[0] == section]
            if keys:
                print(f"; {section}: {sum(self.identical[k] for k in keys)} of {sum(self.counts[k] for k in keys)}", end="")
        print(f"; unexplained differences: {sum(len(found) for found in self.classes.values())}")

    def json(self) -> dict:
        per_section = {}
        for (section, kind), count in self.counts.items():
            entry = per_section.setdefault(section, {}).setdefault(kind, {})
            entry["all"], entry["identical"] = count, self.identical[section, kind]
        return {
            "resources": per_section,
            "known": dict(self.explained),
            "unexplained": {" ".join(key): len(found) for key, found in self.classes.items()},
        }


def code_nature(ours: str | None, theirs: str) -> str:
    """What the difference of two compiled texts is about, where it is of a kind that known.txt may name."""
    if ours is None:
        return "compiled_code"
    # Both put the names that the model asks for behind it, each in its own words.
    if "def model(" in ours and theirs.startswith(ours.partition("# What follows is written by the engine")[0].rstrip()):
        return "python"
    return "compiled_code(order)" if sorted(ours.split()) == sorted(theirs.split()) else "compiled_code"


def without_run(code: str | None) -> str | None:
    """Compiled code without the run's id and time."""
    if code is None:
        return None
    code = re.sub(r"\b1[6-9]\d{14}\.0\b", "<now>", code)
    code = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", code)
    today = rf"({date.today()}|{date.today() - timedelta(days=1)})"
    return re.sub(today + r"[ T]\d\d:\d\d:\d\d(\.\d+)?", "<now>", code)


def disabled(ours: list, theirs: list) -> list:
    if len(ours) != len(theirs):
        return [("(count)", len(ours), len(theirs))]
    return [difference for a, b in zip(ours, theirs) for difference in differences("", a, b)]


def edges(ours: list, theirs: list) -> list:
    def project_ids(ids):
        return [i for i in ids if not is_internal(i)]

    a, b = project_ids(ours), project_ids(theirs)
    return [] if a == b else [("(order)" if sorted(a) == sorted(b) else "(edges)", ours, theirs)]


class Owlet:
    def __init__(self, binary: str, project: Path, profiles: Path, variables: str):
        self.binary, self.project = binary, project
        # What `compile` had to leave out.
        self.excluded = []
        self.common = ["--profiles-dir", str(profiles), "--profile", "parity", "--no-version-check", "--vars", variables, "--target-path", "target"]

    def run(self, *arguments: str):
        command, *rest = arguments
        return subprocess.run([self.binary, command, *self.common, *rest], cwd=self.project, capture_output=True, text=True)

    def manifest(self, command: str, keep: Path, *arguments: str) -> tuple[int, dict, str]:
        shutil.rmtree(self.project / "target", ignore_errors=True)
        done = self.run(command, *arguments)
        written = self.project / "target" / "manifest.json"
        if not written.exists():
            return done.returncode, {}, done.stdout + done.stderr
        shutil.copy(written, keep)
        return done.returncode, json.loads(written.read_text()), done.stdout + done.stderr

    def compile(self, judged: dict, keep: Path) -> tuple[dict, set, str]:
        """Compiles what dbt Core could compile, and once more without each node that fails: it ends at the first. Answers the manifest,
        the ids that failed with us or with dbt Core, and the log."""
        failed = {unique_id for unique_id, node in judged.items() if node["status"] == "error"}
        confirmed, log = set(), ""
        for unique_id in sorted(failed):
            # Alone, to see whether we fail as well.
            name = unique_id.split(".", 2)[2].rsplit(".", 1)[0] if unique_id.startswith("test.") else unique_id.split(".", 2)[2]
            done = self.run("compile", "--select", name)
            log += done.stdout + done.stderr
            if done.returncode:
                confirmed.add(unique_id)
        names = {unique_id.split(".")[2] for unique_id in failed}
        for _ in range(20):
            exclude = ["--exclude", *sorted(names)] if names else []
            code, manifest, text = self.manifest("compile", keep, *exclude)
            log += text
            failing = re.search(r"Error in (?:model|test|snapshot|analysis) (\S+) \(", text) if code else None
            if not failing or failing[1] in names:
                break
            names.add(failing[1])
            confirmed |= {unique_id for unique_id in judged if unique_id.split(".")[2] == failing[1]}
        self.excluded = sorted(names)
        return manifest, confirmed, log

    def list(self, arguments: list[str]) -> dict:
        done = self.run("ls", "--quiet", *arguments)
        return {"arguments": arguments, "exit": done.returncode, "error": done.stderr[:500], "lines": sorted(done.stdout.splitlines())}


def record(options, report: Report, out: Path, excluded: list[str]) -> None:
    """Writes facts of what dbt Core gave (see facts.py), but for what is known to differ and what the file system's order decides."""
    manifest = json.loads((out / "manifest.json").read_text())
    of_order = facts.of_order(manifest)
    resources = [
        facts.of_resource(section, unique_id, comparable(section, resource))
        for section in [*SECTIONS, *OTHER_SECTIONS]
        if not section.endswith("_map")
        for unique_id, resource in (manifest.get(section) or {}).items()
        if not is_internal(unique_id) and (section, unique_id) not in report.differing and unique_id not in of_order
    ]
    compiled = []
    if options.compile:
        for unique_id, node in json.loads((out / "compiled.json").read_text()).items():
            if node["status"] != "error" and unique_id.split(".")[0] not in ("seed", "operation") and ("compiled", unique_id) not in report.differing:
                compiled.append(facts.of_code(unique_id, without_run(node["code"])))
    facts.write(options.record, {
        "project": options.project_name or options.project.name,
        "commit": options.commit,
        "dbt": manifest["metadata"]["dbt_version"],
        "vars": options.vars,
        "compile_arguments": ["--exclude", *excluded] if excluded else [],
        "resources": resources,
        "compiled": compiled,
    })


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("--owlet", required=True)
    parser.add_argument("--python", default=sys.executable, help="the Python that has dbt Core")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--vars", default="{}")
    parser.add_argument("--selections", type=int, default=0)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--reuse", action="store_true", help="take dbt Core's answers of the last run")
    parser.add_argument("--record", type=Path, metavar="FACTS", help="write facts for replay.py")
    parser.add_argument("--project-name", help="of the facts: the project's folder below the checkouts")
    parser.add_argument("--commit", help="of the facts: what is checked out")
    parser.add_argument("-v", "--verbose", action="store_true", help="every difference, not two of a class")
    options = parser.parse_args()
    out = options.out.resolve()
    profiles = out / "profiles"
    profiles.mkdir(parents=True, exist_ok=True)
    (profiles / "profiles.yml").write_text(json.dumps(PROFILE))
    project = options.project.resolve()

    if not (options.reuse and (out / "parse.json").exists()):
        command = [options.python, str(HERE / "judge.py"), str(project), "--profiles-dir", str(profiles), "--out", str(out), "--vars", options.vars]
        command += ["--selections", str(options.selections)] + (["--compile"] if options.compile else [])
        subprocess.run(command, check=False)
    judged = json.loads((out / "parse.json").read_text())
    owlet = Owlet(options.owlet, project, profiles, options.vars)
    code, ours, log = owlet.manifest("parse", out / "ours.json")
    (out / "ours.log").write_text(log)

    report = Report(Known())
    if code != judged["exit"]:
        refused = code == 0 and "In dispatch: No macro named" in (judged["error"] or "")
        member = "dispatch" if refused else "exit-code"
        report.resource("parse", "project", str(options.project), [(member, (code, log[:1500]), (judged["exit"], judged["error"]))])
    elif code == 0:
        report.manifests(ours, json.loads((out / "manifest.json").read_text()))
        if options.selections:
            listed = json.loads((out / "ls.json").read_text())[: options.selections]
            report.selections([owlet.list(entry["arguments"]) for entry in listed], listed)
        if options.compile:
            texts = json.loads((out / "compiled.json").read_text())
            compiled, failed, log = owlet.compile(texts, out / "ours-compiled.json")
            (out / "ours-compile.log").write_text(log)
            report.compiled(compiled, failed, texts)
    if options.record and code == judged["exit"] == 0:
        record(options, report, out, owlet.excluded)
    report.print(options.verbose)
    (out / "report.json").write_text(json.dumps(report.json(), indent=1))
    return 1 if report.classes else 0


if __name__ == "__main__":
    sys.exit(main())
