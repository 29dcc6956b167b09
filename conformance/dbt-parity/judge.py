#!/usr/bin/env python3
"""What dbt Core makes of a project: manifest, compiled code, selections, deprecations.

    judge.py PROJECT --profiles-dir DIR --out DIR [--vars YAML] [--selections N] [--compile]

Runs in the Python that dbt Core is installed in; everything happens in one process, so that two hundred `dbt ls` cost seconds. Writes

    manifest.json    as dbt wrote it
    parse.json       {"exit": 0, "error": null, "events": [{"name": …, "message": …}]}    deprecations and warnings of the parse
    ls.json          [{"arguments": […], "exit": 0, "lines": […]}]                       one for each generated selection
    compiled.json    {unique id: {status, code, message}}                                 with --compile

into OUT. The installed packages of the project are used as they are.
"""

import argparse
import contextlib
import io
import json
import shutil
import sys
from pathlib import Path

from selections import selections

QUIET = ["--no-use-colors", "--log-level", "none", "--log-level-file", "none", "--no-version-check", "--no-send-anonymous-usage-stats"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("--profiles-dir", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--vars", default="{}")
    parser.add_argument("--selections", type=int, default=0, help="how many selections to list")
    parser.add_argument("--compile", action="store_true", help="compile too: needs the warehouse of the profile")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    # Imported late: it takes seconds, and a wrong argument should not.
    from dbt.cli.main import dbtRunner

    where = ["--project-dir", str(options.project), "--profiles-dir", str(options.profiles_dir), "--profile", "parity", "--vars", options.vars, "--target-path", "target"]
    events = []

    def listen(event):
        name = event.info.name
        if event.info.level in ("warn", "error") or "Deprecat" in name:
            events.append({"name": name, "message": event.info.msg})

    def invoke(arguments, manifest=None, callbacks=()):
        with contextlib.redirect_stdout(io.StringIO()):
            return dbtRunner(manifest=manifest, callbacks=list(callbacks)).invoke([*arguments, *where, *QUIET])

    shutil.rmtree(options.project / "target", ignore_errors=True)
    parsed = invoke(["parse", "--no-partial-parse", "--show-all-deprecations"], callbacks=[listen])
    error = None if parsed.success else str(parsed.exception)
    write(options.out / "parse.json", {"exit": exit_code(parsed), "error": error, "events": events})
    if error is not None:
        print(error, file=sys.stderr)
        return 2
    shutil.copy(options.project / "target" / "manifest.json", options.out / "manifest.json")

    if options.selections:
        manifest = json.loads((options.out / "manifest.json").read_text())
        with contextlib.redirect_stdout(io.StringIO()):
            lister = Lister(parsed.result, [*where, *QUIET])
            write(options.out / "ls.json", [lister.list(arguments) for arguments in selections(manifest, options.selections)])
    if options.compile:
        # One node that fails would end it.
        from dbt.task.compile import CompileTask

        CompileTask.raise_on_first_error = lambda self: False
        done = invoke(["compile"], manifest=parsed.result)
        write(options.out / "compiled.json", compiled(parsed.result, done))
    return 0


def compiled(manifest, done) -> dict:
    """Each node's status and code; of ephemeral models, which have no result of their own, what their children left."""
    found = {}
    for unique_id, node in manifest.nodes.items():
        if getattr(node, "compiled_code", None) is not None:
            found[unique_id] = {"status": "success", "code": node.compiled_code}
    if done.result is None:
        print(done.exception, file=sys.stderr)
        return found
    for result in done.result.results:
        # Seeds have no code; a model below a failed one is only skipped.
        if result.node.resource_type == "seed" or str(result.status) == "skipped":
            continue
        status = "success" if str(result.status) == "success" else "error"
        found[result.node.unique_id] = {"status": status, "code": getattr(result.node, "compiled_code", None), "message": str(result.message or "")[:1000]}
    return found


class Lister:
    """`dbt ls` again and again on one parsed project: the task itself, without the second that each invocation spends before it."""

    def __init__(self, manifest, common: list[str]):
        from dbt.cli.main import cli
        from dbt.cli.flags import Flags
        from dbt.compilation import Compiler
        from dbt.config.runtime import load_profile, load_project, RuntimeConfig
        from dbt.flags import set_flags

        self.cli, self.flags_of, self.set_flags = cli, Flags, set_flags
        self.manifest, self.common = manifest, common
        flags = self.flags([])
        profile = load_profile(flags.PROJECT_DIR, flags.VARS, "parity")
        project = load_project(flags.PROJECT_DIR, False, profile, flags.VARS)
        self.config = RuntimeConfig.from_parts(project, profile, flags)
        self.graph = Compiler(self.config).compile(manifest, write=False)

    def flags(self, arguments: list[str]):
        outer = self.cli.make_context("dbt", ["ls", *arguments, *self.common])
        name, command, rest = self.cli.resolve_command(outer, [*outer.protected_args, *outer.args])
        flags = self.flags_of(command.make_context(name, rest, parent=outer))
        self.set_flags(flags)
        return flags

    def list(self, arguments: list[str]) -> dict:
        from dbt.task.list import ListTask

        try:
            task = ListTask(self.flags(arguments), self.config, self.manifest)
            task.graph = self.graph
            task.compile_manifest = lambda: None
            return {"arguments": arguments, "exit": 0, "lines": sorted(task.run())}
        except Exception as error:
            return {"arguments": arguments, "exit": 2, "error": str(error), "lines": []}


def exit_code(result) -> int:
    if result.success:
        return 0
    return 1 if result.exception is None else 2


def write(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=1, default=str))


if __name__ == "__main__":
    sys.exit(main())
