#!/usr/bin/env python3
"""A real project with one mistake at a time, by dbt Core and by Owlet: is it refused, and of what is warned?

    mistakes.py PROJECT --owlet BIN [--number N] [--first K] [--listed] [--out FILE] [--show] [NAME…]
    mistakes.py PROJECT --owlet BIN --replay | --record [NAME…]

Runs in the Python that dbt Core and dbt-athena are installed in. PROJECT's packages are installed. It is copied; of each kind of mutations.py the
mutations number K to K + N - 1 are made, and with `--listed` the mistakes of mistakes.yml. NAME is one of these (`drop_brace.3`) or a kind.
Compared are whether `parse` refuses the project and, where both accept it, the names of the warnings and the manifests (see parity.py).
Told as well: errors of Owlet's that name no file or no line, and those that do not name the file that was changed.

`--record` writes what dbt says of the mistakes of mistakes.yml in PROJECT, one of ours, to mistakes.json; `--replay` compares with that, without dbt.
"""

import argparse
import concurrent.futures
import contextlib
import functools
import io
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import yaml

import mutations
from parity import PROFILE, Known, Report

HERE = Path(__file__).resolve().parent
RECORD = HERE / "mistakes.json"
# Names of warnings that only one of the two has: COMPAT.md says which.
ONLY_OURS = {"CustomKeyInConfigDeprecation", "CustomTopLevelKeyDeprecation", "CustomKeyInObjectDeprecation", "NoNodesForSelectionCriteria", "Warning"}
# Said of the run, not of the project.
OF_THE_RUN = {"DeprecationsSummary", "MainEncounteredError"}
QUIET = ["--no-use-colors", "--log-level", "none", "--log-level-file", "none", "--no-version-check", "--no-send-anonymous-usage-stats"]


class Scratch:
    """A copy of the project, in which one mistake is made at a time."""

    def __init__(self, project: Path, directory: Path):
        self.root, self.profiles, self.target = directory / "project", directory / "profiles", directory / "target"
        shutil.copytree(project, self.root, symlinks=True, ignore=shutil.ignore_patterns("target", "logs", ".git", "venv", ".venv", "node_modules"))
        self.profiles.mkdir(parents=True)
        (self.profiles / "profiles.yml").write_text(json.dumps(PROFILE))

    @contextlib.contextmanager
    def changed(self, files: dict):
        before = {}
        try:
            for path, content in files.items():
                at = self.root / path
                before[at] = at.read_bytes() if at.exists() else None
                put(at, content.encode() if isinstance(content, str) else content)
            yield
        finally:
            for at, content in before.items():
                put(at, content)

    def arguments(self) -> list[str]:
        shutil.rmtree(self.target, ignore_errors=True)
        where = ["--project-dir", str(self.root), "--profiles-dir", str(self.profiles), "--profile", "parity", "--target-path", str(self.target)]
        return ["parse", "--show-all-deprecations", *where]

    def manifest(self) -> dict | None:
        written = self.target / "manifest.json"
        return json.loads(written.read_text()) if written.exists() else None

    def by_dbt(self) -> dict:
        from dbt.cli.main import dbtRunner
        from dbt_common.exceptions import DbtBaseException

        remember_trees()

        warnings = set()

        def listen(event):
            if event.info.level == "warn" or "Deprecat" in event.info.name:
                warnings.add(event.info.name)

        arguments = [*self.arguments(), "--no-partial-parse", *QUIET]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            done = dbtRunner(callbacks=[listen]).invoke(arguments)
        error = None if done.success else str(done.exception)
        crashed = not done.success and not isinstance(done.exception, DbtBaseException)
        return {"error": error, "crashed": crashed, "warnings": sorted(warnings - OF_THE_RUN), "manifest": None if error else self.manifest()}

    def by_owlet(self, binary: str) -> dict:
        command = [os.path.abspath(binary), *self.arguments(), "--no-version-check", "--log-format", "json"]
        # Without a project the log goes below the current folder.
        done = subprocess.run(command, cwd=self.root.parent, capture_output=True, text=True, timeout=60)
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        warnings = {event["info"]["name"] for event in events if event["info"]["level"] == "warn"}
        errors = [event for event in events if event["info"]["level"] == "error"]
        said = [diagnostic for event in errors for diagnostic in event["data"].get("diagnostics", [])]
        error = "\n".join(event["info"]["msg"] for event in errors) or done.stderr if done.returncode else None
        crashed = done.returncode not in (0, 1, 2)
        manifest = None if error else self.manifest()
        return {"error": error, "crashed": crashed, "warnings": sorted(warnings - OF_THE_RUN), "manifest": manifest, "diagnostics": said}


def by_owlet_alone(options, mistakes: list[tuple[str, dict]], directory: Path):
    """What Owlet says of each mistake, in their order; several at a time, each in a copy of its own."""
    copies = queue.SimpleQueue()
    for number in range(os.cpu_count() or 1):
        copies.put(Scratch(options.project, directory / f"copy-{number}"))

    def said(mistake):
        scratch = copies.get()
        try:
            with scratch.changed(mistake[1]):
                return scratch.by_owlet(options.owlet)
        finally:
            copies.put(scratch)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(said, mistakes)


@functools.cache
def remember_trees():
    """More than half of a parse is Jinja that has been read before: its trees, which dbt only looks at, are kept."""
    import jinja2

    read, trees = jinja2.Environment.parse, {}

    def parse(self, source, name=None, filename=None):
        key = type(self), source
        if key not in trees:
            trees[key] = read(self, source, name, filename)
        return trees[key]

    jinja2.Environment.parse = parse


def put(at: Path, content: bytes | None):
    if content is None:
        at.unlink(missing_ok=True)
    else:
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(content)


def disagreement(ours: dict, theirs: dict) -> list[str]:
    if ours["crashed"]:
        return [f"owlet ended otherwise: {ours['error']}"]
    if (ours["error"] is None) != (theirs["error"] is None):
        return ["only owlet accepts it" + (" (an internal error of dbt's)" if theirs["crashed"] else "") if theirs["error"] else "only dbt accepts it"]
    if ours["error"] is not None:
        return []
    found = []
    extra, lacking = set(ours["warnings"]) - set(theirs["warnings"]) - ONLY_OURS, set(theirs["warnings"]) - set(ours["warnings"])
    if extra or lacking:
        found.append(f"warnings: only ours {sorted(extra)}, only theirs {sorted(lacking)}")
    if theirs["manifest"] is not None:
        report = Report(Known())
        report.manifests(ours["manifest"], theirs["manifest"])
        for (section, kind, shape), resources in report.classes.items():
            unique_id, member, a, b = resources[0]
            found.append(f"manifest: {section} {kind} {shape}: {unique_id} {member} ours {json.dumps(a)[:300]} theirs {json.dumps(b)[:300]}")
    return found


def poor(ours: dict, files: dict) -> list[str]:
    """What is lacking in the errors, if they are any."""
    if ours["error"] is None:
        return []
    found = []
    places = [diagnostic.get("location") for diagnostic in ours["diagnostics"]]
    if not places or None in places:
        found.append("no file")
    elif any(place.get("line") is None for place in places) and "dbt found two" not in ours["error"]:
        found.append("no line")
    if not any(path in ours["error"] for path, content in files.items() if content is not None) and None not in files.values():
        found.append("not the changed file")
    return found


def chosen(source: mutations.Source, options) -> list[tuple[str, dict]]:
    """The mistakes by name, and what they change."""
    listed = yaml.safe_load((HERE / "mistakes.yml").read_text())
    changes = []
    if options.listed or options.replay or options.record or options.names:
        changes += [(mistake["name"], mutations.listed(source, mistake)) for mistake in listed]
    if not options.replay and not options.record:
        numbers = range(options.first, options.first + options.number)
        names = [f"{kind}.{number}" for number in numbers for kind in mutations.KINDS]
        names = [name for name in options.names if "." in name and name.split(".")[0] in mutations.KINDS] or names
        changes += [(name, mutations.mutation(source, name)) for name in names]
    wanted = set(options.names)
    changes = [(name, files) for name, files in changes if not wanted or {name, name.split(".")[0]} & wanted]
    return [(name, files) for name, files in changes if files and any(source.files.get(path) != text for path, text in files.items())]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("--owlet", required=True)
    parser.add_argument("--number", type=int, default=5, help="mutations of each kind")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--listed", action="store_true", help="the mistakes of mistakes.yml too")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--show", action="store_true", help="print what is said of each mistake")
    parser.add_argument("--out", type=Path, help="write what was said, as JSON lines")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    recorded = json.loads(RECORD.read_text()) if options.replay else {}
    known = {mistake["name"]: mistake["differs"] for mistake in yaml.safe_load((HERE / "mistakes.yml").read_text()) if "differs" in mistake}
    source = mutations.Source(options.project)
    counts, record = Counter(), {}
    with tempfile.TemporaryDirectory(prefix="mistakes-") as directory, open(options.out or "/dev/null", "a") as out:
        mistakes = chosen(source, options)
        replayed = by_owlet_alone(options, mistakes, Path(directory)) if options.replay else None
        scratch = Scratch(options.project, Path(directory) / "one")
        for name, files in mistakes:
            if replayed:
                ours, theirs = next(replayed), {"crashed": False, "manifest": None, **recorded[name]}
            else:
                with scratch.changed(files):
                    ours, theirs = scratch.by_owlet(options.owlet), scratch.by_dbt()
            record[name] = {"error": theirs["error"] and theirs["error"].splitlines()[0], "warnings": theirs["warnings"]}
            found, lacking = disagreement(ours, theirs), poor(ours, files)
            counts["mistakes"] += 1
            counts["agree"] += not found
            counts["differ as is known"] += bool(found) and name in known
            if not found and name in known:
                print(f"== {name}: agrees, though mistakes.yml says that it differs: {known[name]}")
                counts["agree unexpectedly"] += 1
            counts["refused"] += theirs["error"] is not None
            counts.update(lacking)
            said = {"name": name, "files": list(files), "found": found, "poor": lacking, "owlet": ours["error"], "dbt": theirs["error"]}
            print(json.dumps(said), file=out, flush=True)
            if name in known and not options.show:
                continue
            if found or options.show or (lacking and not options.replay):
                print(f"== {name} {', '.join(files)}" + "".join(f"\n  {line}" for line in [*found, *(f"poor: {line}" for line in lacking)]))
            if found or options.show:
                print(change(source, files))
            if found or options.show or (lacking and not options.replay):
                for who, error in (("dbt", theirs["error"]), ("owlet", ours["error"])):
                    print(f"  {who}: " + "\n    ".join((error or f"accepts it {(ours if who == 'owlet' else theirs)['warnings']}").splitlines()[:30]), flush=True)
    if options.record:
        # Of those that were not asked about, what is recorded stays.
        before = json.loads(RECORD.read_text()) if options.names else {}
        listed = [mistake["name"] for mistake in yaml.safe_load((HERE / "mistakes.yml").read_text())]
        record = {name: said for name in listed if (said := record.get(name) or before.get(name))}
        RECORD.write_text("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(said)}" for name, said in record.items()) + "\n}\n")
    print(", ".join(f"{count} {what}" for what, count in counts.items()), file=sys.stderr)
    return 0 if counts["agree"] + counts["differ as is known"] == counts["mistakes"] and not counts["agree unexpectedly"] else 1


def change(source: mutations.Source, files: dict) -> str:
    """The lines that a mistake changes."""
    import difflib

    lines = []
    for path, content in files.items():
        after = content.decode(errors="replace") if isinstance(content, bytes) else content or ""
        before = source.files.get(path, "")
        if path.endswith((".yml", ".yaml")) and not isinstance(content, bytes) and before:
            with contextlib.suppress(yaml.YAMLError):
                if mutations.dumped(yaml.safe_load(after)) == after:
                    before = mutations.dumped(yaml.safe_load(before))
        lines += [f"  | {line}" for line in difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="") if not line.startswith(("---", "+++"))][:24]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
