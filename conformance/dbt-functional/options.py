"""Every option that dbt's commands have is one of Owlet's, but for those named here. Asked of dbt's own definitions; nothing is run.

    python options.py OWLET
"""

import subprocess
import sys

import click
from dbt.cli.main import cli

NOT_TAKEN = {
    # Older spellings that dbt keeps for its own service.
    "--deprecated-defer",
    "--deprecated-favor-state",
    "--deprecated-no-print",
    "--deprecated-print",
    "--deprecated-state",
    # A profile of dbt's Python code, and an upload to dbt's service: there is nothing of the kind.
    "--record-timing-info",
    "-r",
    "--upload-to-artifacts-ingest-api",
    # Of the program alone: `owlet --version`.
    "--version",
    "-V",
    "-v",
    # A preview asks the warehouse anyway.
    "show --introspect",
    "show --no-introspect",
}


def commands(command, path=()):
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))
    elif path:
        yield path, command


def main(owlet):
    asked, missing = 0, set()
    for path, command in commands(cli):
        for option in command.params:
            if not isinstance(option, click.Option):
                continue
            value = [] if option.is_flag or option.count else ["1"]
            for name in [*option.opts, *option.secondary_opts]:
                # The option that follows is nobody's: the answer names the first of the two that is not known.
                done = subprocess.run([owlet, *path, name, *value, "--nobody-knows"], capture_output=True, text=True)
                asked += 1
                if f"unexpected argument '{name}'" in done.stderr or "unrecognized" in done.stderr:
                    if name not in NOT_TAKEN and f"{' '.join(path)} {name}" not in NOT_TAKEN:
                        missing.add(f"{' '.join(path)} {name}")
    print(f"{asked} options of dbt's commands asked for, {len(missing)} not known")
    for name in sorted(missing):
        print(f"  {name}")
    return 1 if missing or asked < 500 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
