"""Runs the `state*.case` files of crates/engine/tests with dbt Core and with Owlet, and compares the answers.

Three ways must agree with what the case expects: dbt with its own earlier manifest, Owlet with its own, and Owlet with dbt's.
`--record` writes dbt's answers into the cases instead.
"""

import argparse
import contextlib
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROFILE = """\
shop:
  target: dev
  outputs:
    dev: {type: athena, database: awsdatacatalog, schema: dev, region_name: eu-west-1, s3_staging_dir: "s3://results/"}
"""


def sections(text):
    """Yields ("head" | "file" | "command", name, lines)."""
    current = ["head", "", []]
    for line in text.splitlines():
        if line.startswith("-- "):
            yield current
            current = ["file", line[3:].strip(), []]
        elif line.startswith("$ "):
            yield current
            current = ["command", line[2:].strip(), []]
        else:
            current[2].append(line)
    yield current


WARNINGS = ("UnversionedBreakingChange", "NoNodesForSelectionCriteria")


class Dbt:
    def __init__(self, project):
        self.project = project

    def run(self, *arguments):
        from dbt.cli.main import dbtRunner

        events = []
        out = io.StringIO()
        folder = str(self.project)
        with contextlib.redirect_stdout(out):
            result = dbtRunner(callbacks=[events.append]).invoke(
                [*arguments, "--project-dir", folder, "--profiles-dir", folder, "--quiet", "--no-partial-parse"]
            )
        return result, events

    def keep(self, folder):
        result, _ = self.run("parse")
        if not result.success:
            sys.exit(f"dbt parse: {result.exception}")
        folder.mkdir(exist_ok=True)
        shutil.copy(self.project / "target" / "manifest.json", folder / "manifest.json")

    def select(self, criterion, folder):
        result, events = self.run(
            "ls", "-s", criterion, "--state", str(folder), "--output", "json", "--output-keys", "unique_id"
        )
        lines = sorted(json.loads(line)["unique_id"] for line in result.result or [])
        warned = [e for e in events if e.info.name in WARNINGS]
        # dbt tells one change once per comparison that finds it.
        lines += sorted({f"! {told(e.info.msg)}" for e in warned})
        if result.exception:
            lines.append(f"! {told(str(result.exception))}")
        return lines


class Owlet:
    def __init__(self, project, binary):
        self.project, self.binary = project, binary

    def run(self, *arguments):
        folder = str(self.project)
        command = [self.binary, *arguments, "--project-dir", folder, "--profiles-dir", folder, "--target-path", "target-owlet"]
        return subprocess.run(command, capture_output=True, text=True)

    def keep(self, folder):
        done = self.run("parse", "--quiet")
        if done.returncode:
            sys.exit(f"owlet parse: {done.stdout}{done.stderr}")
        folder.mkdir(exist_ok=True)
        shutil.copy(self.project / "target-owlet" / "manifest.json", folder / "manifest.json")

    def select(self, criterion, folder):
        arguments = ["ls", "-s", criterion, "--state", str(folder), "--output", "json", "--output-keys", "unique_id"]
        done = self.run(*arguments, "--log-format", "json", "--log-level", "warn")
        lines = sorted(json.loads(line)["unique_id"] for line in done.stdout.splitlines())
        events = [json.loads(line)["info"] for line in done.stderr.splitlines()]
        lines += sorted(f"! {told(event['msg'])}" for event in events if event["name"] in WARNINGS)
        return lines + [f"! {told(event['msg'])}" for event in events if event["level"] == "error"]


def age(path, version):
    """Makes the kept manifest one of an earlier dbt, which spelled the arguments of `config()` as Python prints a syntax tree."""
    if not path.exists():
        return
    kept = json.loads(path.read_text())
    kept["metadata"]["dbt_version"] = version
    for node in kept["nodes"].values():
        for key, value in node["unrendered_config"].items():
            node["unrendered_config"][key] = f"Keyword(key='{key}', value=Const(value='{value if isinstance(value, str) else ''}'))"
    path.write_text(json.dumps(kept))


def told(message):
    """The one line of a warning or an error by which it is known."""
    for colour in ("\x1b[33m", "\x1b[31m", "\x1b[0m"):
        message = message.replace(colour, "")
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    known = ("Breaking change to contracted", "The selection criterion", "While comparing", "Got a", "Contracted", "Node '")
    for line in lines:
        line = line.removeprefix("[WARNING]: ").removeprefix("[WARNING][UnversionedBreakingChange]: ")
        if line.startswith(known):
            return line
    return " / ".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--owlet")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("cases", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    wrong = 0
    for case in arguments.cases:
        wrong += run_case(case, arguments)
    print(f"{wrong} answers differ")
    sys.exit(1 if wrong else 0)


def run_case(case, arguments):
    wrong = count = 0
    text = []
    with tempfile.TemporaryDirectory() as folder:
        project = pathlib.Path(folder).resolve()
        (project / "profiles.yml").write_text(PROFILE)
        dbt = Dbt(project)
        owlet = Owlet(project, arguments.owlet) if arguments.owlet else None
        states = {name: project / f"state-{name}" for name in ("dbt", "owlet")}
        for kind, name, lines in sections(case.read_text()):
            if kind == "head":
                text += lines
                continue
            text.append(f"-- {name}" if kind == "file" else f"$ {name}")
            if kind == "file":
                text += lines
                path = project / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("\n".join(lines) + "\n")
                continue
            word, _, rest = name.partition(" ")
            if word == "keep":
                dbt.keep(states["dbt"])
                if owlet:
                    owlet.keep(states["owlet"])
            elif word == "age":
                for folder in states.values():
                    age(folder / "manifest.json", rest)
            elif word == "rm":
                (project / rest).unlink()
            elif word == "ls":
                answers = {"dbt": dbt.select(rest, states["dbt"])}
                if owlet:
                    answers["owlet"] = owlet.select(rest, states["owlet"])
                    answers["owlet, dbt's manifest"] = owlet.select(rest, states["dbt"])
                expected = answers["dbt"] if arguments.record else lines
                text += expected
                for who, answer in answers.items():
                    count += 1
                    if answer != expected:
                        wrong += 1
                        print(f"{case.name}: {name}: {who}")
                        print("   missing", [line for line in expected if line not in answer])
                        print("   extra  ", [line for line in answer if line not in expected])
    print(f"{case.name}: {count} answers")
    if arguments.record:
        case.write_text("\n".join(text) + "\n")
    return wrong


main()
