"""A pytest plugin: test suites written for dbt's `dbtRunner` run Owlet instead.

`run_dbt`, `run_dbt_and_capture` and `dbtRunner` start the binary named by OWLET in the current folder; its exit code, output, artifacts and JSON log become what
dbt's classes would have answered. The fixtures keep dbt's own adapter for their set-up (schemas, SQL of the test itself), so that only what is tested is exchanged.

Settings are environment variables:
  OWLET               path of the binary
  ENGINE              `owlet` (the default) or `dbt`, which leaves dbt in place: what fails there is not Owlet's to answer
  AWS_ENDPOINT_URL    where Athena, Glue and S3 are
  TABLE_TYPE          `iceberg`: what models are unless they say otherwise, for tests that change rows (microbatch, sample_mode)
  STRICT_WORDS        set: an error's words must be dbt's; else any text is taken to contain any word, and the difference is only reported
"""

import contextlib
import datetime
import functools
import glob
import json
import os
import re
import subprocess
import time
import uuid
from pathlib import Path
from types import SimpleNamespace

import click.testing
import pytest
import yaml

import dbt.cli.main
import dbt.tests.fixtures.project as project_fixtures
import dbt.tests.util as util
import dbt_common.ui

OWLET = os.environ.get("OWLET", "owlet")
# What a test does to the environment leaves the warehouse where it is.
AWS = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
ENGINE = os.environ.get("ENGINE", "owlet")
TABLE_TYPE = os.environ.get("TABLE_TYPE")
SECONDS = int(os.environ.get("OWLET_SECONDS", "120"))


def _athena(**keys):
    return {
        "type": "athena",
        "database": "awsdatacatalog",
        "region_name": "eu-west-1",
        "s3_staging_dir": "s3://results/functional/",
        "threads": 4,
        "num_retries": 0,
        "poll_interval": 0.05,
        **keys,
    }


def _without_postgres(profiles, schema):
    """Outputs that a test writes for Postgres become Athena's, under the same names."""
    for part in profiles.values():
        outputs = part.get("outputs", {}) if isinstance(part, dict) else {}
        for name, output in outputs.items():
            if isinstance(output, dict) and output.get("type") == "postgres":
                keys = {key: output[key] for key in ("schema", "threads") if key in output}
                outputs[name] = _athena(**{"schema": schema, **keys})
    return profiles


@pytest.fixture(scope="class")
def dbt_profile_target():
    return _athena()


@pytest.fixture(scope="class")
def profile_user(dbt_profile_target):
    return "owlet"


@pytest.fixture(scope="class")
def dbt_profile_data(unique_schema, dbt_profile_target, profiles_config_update):
    profile = {"test": {"outputs": {"default": {**dbt_profile_target, "schema": unique_schema}}, "target": "default"}}
    profile.update(profiles_config_update or {})
    return profile


@pytest.fixture(scope="class")
def profiles_yml(profiles_root, dbt_profile_data, unique_schema):
    profiles = _without_postgres(dbt_profile_data, unique_schema)
    os.environ["DBT_PROFILES_DIR"] = str(profiles_root)
    util.write_file(yaml.safe_dump(profiles), profiles_root, "profiles.yml")
    yield profiles
    del os.environ["DBT_PROFILES_DIR"]


project_fixtures.dbt_profile_target = dbt_profile_target
project_fixtures.dbt_profile_data = dbt_profile_data
project_fixtures.profile_user = profile_user
project_fixtures.profiles_yml = profiles_yml


# Types of Postgres that Athena calls otherwise.
TYPES = {
    "text": "varchar",
    "string": "varchar",
    "float": "double",
    "bool": "boolean",
    "int": "integer",
    "serial": "integer",
    "numeric": "decimal(38, 10)",
    "timestamp without time zone": "timestamp(6)",
    "timestamp with time zone": "timestamp(6)",
    "timestamp": "timestamp(6)",
    "character varying": "varchar",
    "timestamptz": "timestamp(6)",
    "bigserial": "bigint",
}


def _type(text):
    text = " ".join(text.lower().split())
    bare = re.sub(r"\(.*\)", "", text).strip()
    return "varchar" if bare in ("varchar", "character varying", "char") else TYPES.get(bare, text)


def _cast(match):
    return f"cast({match[1]} as {_type(match[2])})"


def port(sql):
    """The SQL of a test's models, written for Postgres, as Athena reads it: casts, intervals, moments with an offset."""
    sql = re.sub(r"extract\(seconds from (\w+)\)::int", r"cast(extract(second from \1) as integer)", sql)
    types = r"(timestamp with(?:out)? time zone|character varying(?:\(\d+\))?|\w+(?:\(\d+(?:,\s*\d+)?\))?)"
    operand = r"(\{\{[^{}]*\}\}|'[^']*'|\((?:[^()]|\([^()]*\))*\)|[\w.\"]+)"
    previous = None
    while previous != sql:
        previous, sql = sql, re.sub(operand + "::" + types, _cast, sql, count=1)
    sql = re.sub(r"(?i)\bas bool\b", "as boolean", sql)
    sql = re.sub(r"(?i)\bas text\)", "as varchar)", sql)
    # A table of Athena's has columns with names and types, Hive's without a time zone.
    sql = re.sub(r"(?i)\bcurrent_timestamp as (?=\w)", "cast(current_timestamp as timestamp) as ", sql)
    sql = re.sub(r"(?i)\bselect null(?= from \{)", "select cast(null as varchar) as nothing", sql)
    sql = re.sub(r"(?i)\bilike\b", "like", sql)
    sql = re.sub(r"(?i)(?<!all[\n ]select )\bnull as (\w+)", r"cast(null as varchar) as \1", sql)
    sql = re.sub(r"(?i)\bpg_sleep\((\d+)\)", r"\1 as slept", sql)
    sql = re.sub(r"(?i)(?<!,)(\s|^)select (\d+|count\(\*\))(?=\s*(?:;?\s*$|\n?\s*from\b))", r"\1select \2 as id", sql)
    sql = re.sub(r"(?i)generate_series\((\d+), (\d+)\) (\w+)", r"unnest(sequence(\1, \2)) as t(\3)", sql)
    sql = sql.replace("gen, 2 as slept", "gen").replace("statement_timestamp()", "cast(current_timestamp as timestamp(6))")
    sql = sql.replace("target_database='dbt'", "target_database='awsdatacatalog'")
    sql = sql.replace("'2099-1-1T00:00:01'", "timestamp '2099-01-01 00:00:01'")
    sql = sql.replace("interval '1 second' * id", "interval '1' second * id")
    sql = re.sub(r"repeat\(('[^']*'), (\d+)\)", r"array_join(repeat(\1, \2), '')", sql)
    sql = re.sub(r"to_date\('(\d+)/(\d+)/(\d+)', ?'mm/dd/yyyy'\)", r"date '\3-\1-\2'", sql)
    sql = re.sub(r"(\w+\.\w+) ~ ('\^[^']*')", r"regexp_like(\1, \2)", sql)
    # Numbers are no text, and a hash is of bytes.
    sql = re.sub(r"(?<![\w.])id \|\| ", "cast(id as varchar) || ", sql)
    sql = re.sub(r"\|\| id\b", "|| cast(id as varchar)", sql)
    sql = re.sub(r"(?i)(?<![\w(])md5\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)", r"lower(to_hex(md5(to_utf8(\1))))", sql)
    sql = re.sub(r"(?i)timestamp\s+'([\d: -]+?)(?:[+-]0+(?::?00)?)'", r"timestamp '\1.000000'", sql)
    return re.sub(r"(?i)interval\s+'(\d+) (second|minute|hour|day|month|year)s?'", r"interval '\1' \2", sql)


def _columns(text):
    """The columns of a CREATE TABLE as a query without rows."""
    text = re.sub(r"--[^\n]*", "", text)
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text + ","):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    casts = []
    for part in parts:
        found = re.match(r'(?s)("[^"]+"|\w+)\s+(.*)', part)
        if found and found[1].lower() not in ("primary", "unique", "constraint"):
            kind = re.split(r"(?i)\s+(?:not null|null|primary key|unique|default|references)\b", found[2])[0]
            casts.append(f"cast(null as {_type(kind)}) as {found[1]}")
    return "select " + ", ".join(casts)


def _statement(sql):
    """A statement of a test's set-up; tables become Iceberg's, whose rows may be changed."""
    sql = re.sub(r"^(\s*--[^\n]*\n)+", "", sql.strip()).strip()
    location = f"s3://results/functional/{uuid.uuid4()}/"
    table = f"with (table_type='ICEBERG', is_external=false, location='{location}')"
    name = r'((?:"[^"]+"|[\w]+)(?:\.(?:"[^"]+"|[\w]+))*)'
    # DDL of Hive has its own quotes and no data catalog.
    hive = lambda text: text.replace('"awsdatacatalog".', "").replace("awsdatacatalog.", "").replace('"', "`")
    if found := re.match(rf"(?is)create table (?:if not exists )?{name}\s+as\b(.*)", sql):
        return f"create table {found[1]} {table} as {port(found[2])}"
    if found := re.match(rf"(?is)create table (?:if not exists )?{name}\s*\((.*)\)\s*$", sql):
        return f"create table {found[1]} {table} as select * from ({_columns(found[2])}) where false"
    if found := re.match(rf"(?is)drop (table|view|schema) (if exists )?{name}(?:\s+cascade)?\s*$", sql):
        cascade = " cascade" if found[1].lower() == "schema" else ""
        return f"drop {found[1]} {found[2] or ''}{hive(found[3])}{cascade}"
    if found := re.match(rf"(?is)create schema (if not exists )?{name}\s*$", sql):
        return f"create schema {found[1] or ''}{hive(found[2])}"
    if found := re.match(rf"(?is)truncate table {name}", sql):
        return f"delete from {found[1]}"
    if found := re.match(rf"(?is)alter table {name} add column (\S+) (.*)", sql):
        return f"alter table {hive(found[1])} add columns ({hive(found[2])} {_type(found[3]).replace('varchar', 'string')})"
    sql = port(sql)
    if sql.lower().startswith("insert"):
        sql = re.sub(r"(?<!timestamp )(?<!cast\()('\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d+)?)?')(?=\s*[,)])", r"timestamp \1", sql)
    return sql


_run_sql = util.run_sql_with_adapter


def run_sql_with_adapter(adapter, sql, fetch=None):
    names = {"schema": adapter.config.credentials.schema, "database": adapter.quote(adapter.config.credentials.database)}
    statements = [part for part in sql.format(**names).split(";") if part.strip()]
    answer = None
    for statement in statements:
        answer = _run_sql(adapter, _statement(statement).replace("{", "{{").replace("}", "}}"), fetch)
    return answer


_write_file = util.write_file
# These compare with files that were made of the models as they are.
AS_THEY_ARE = ("TestPreviousVersionState",)


def write_file(contents, *paths):
    """Postgres' casts and types in a test's files, as Athena has them."""
    name = str(paths[-1])
    ported = not any(test in os.environ.get("PYTEST_CURRENT_TEST", "") for test in AS_THEY_ARE)
    if ported and isinstance(contents, str) and name.endswith(".sql"):
        contents = port(contents)
    if isinstance(contents, str) and name.endswith((".yml", ".yaml")):
        contents = contents.replace("id || '-' ||", "cast(id as varchar) || '-' ||")
        contents = re.sub(r"(data_type: *)(text|string|bool|character varying)\b", lambda found: found[1] + TYPES[found[2]], contents)
        contents = re.sub(r"(?m)(^ +\w+: *)text$", r"\1varchar", contents)
    if TABLE_TYPE and paths[-1] == "dbt_project.yml":
        project = yaml.safe_load(contents)
        project.setdefault("models", {}).setdefault("+table_type", TABLE_TYPE)
        contents = yaml.safe_dump(project)
    return _write_file(contents, *paths)


util.run_sql_with_adapter = project_fixtures.run_sql_with_adapter = run_sql_with_adapter
util.write_file = project_fixtures.write_file = write_file


class Words(str):
    """An error's text. Ours has other words than dbt's; a test that looks for dbt's finds them, and the miss is printed."""

    def __contains__(self, item):
        found = str.__contains__(self, item)
        if item in os.environ.values():
            # A secret, which is looked for because it must not be there.
            return found
        if not found and not os.environ.get("STRICT_WORDS"):
            print(f"WORDS {item!r} are not in {str.__str__(self)!r}")
            return True
        return found


def _error_classes():
    import dbt.exceptions as core
    import dbt_common.exceptions as common
    from dbt.adapters import exceptions as adapters
    from dbt.artifacts import exceptions as artifacts
    from dbt.cli import exceptions as cli
    from dbt_common.dataclass_schema import ValidationError

    found = []
    for module in (core, common, adapters, artifacts, cli):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Exception) and value not in found:
                found.append(value)
    if ValidationError not in found:
        found.append(ValidationError)
    return found


class OwletError(Exception):
    """A command that could not do its work (exit code 2). It is an instance of every exception of dbt."""

    @classmethod
    def of(cls, text):
        # dbt's own constructors want other arguments.
        error = Exception.__new__(_any_error(), text)
        cls.__init__(error, text)
        return error

    def __init__(self, text):
        Exception.__init__(self, text)
        self.msg = self.message = Words(text)

    def __str__(self):
        return Words(self.args[0])

    @property
    def __class__(self):
        return _any_error()


@functools.cache
def _any_error():
    """A class below every exception class of dbt, for `isinstance`."""
    known = [known for known in _error_classes() if not issubclass(known, (OSError, dict))]
    leaves = tuple(one for one in known if not any(other is not one and issubclass(other, one) for other in known))
    return type("AnyError", (OwletError, *leaves), {})


_raises = pytest.raises


def raises(expected, *args, match=None, **kwargs):
    classes = expected if isinstance(expected, tuple) else (expected,)
    known = tuple(_error_classes())
    if any(isinstance(c, type) and (c in known or c is Exception or c is AssertionError) for c in classes):
        if not os.environ.get("STRICT_WORDS") and match is not None and ENGINE == "owlet":
            print(f"WORDS match {match!r} is not looked at")
            match = None
        return _raises((OwletError, *classes), *args, match=match, **kwargs)
    return _raises(expected, *args, match=match, **kwargs)


def _namespace(value):
    if isinstance(value, dict):
        return Data({key: _namespace(item) for key, item in value.items()})
    if isinstance(value, list):
        return [_namespace(item) for item in value]
    return value


class Data(SimpleNamespace):
    """An event's data: protobuf's messages answer a missing field with its empty value."""

    def __init__(self, fields):
        super().__init__(**fields)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return ""


def _flags_of(kwargs):
    """Keyword arguments of `invoke` as options of the command line."""
    options = []
    for key, value in kwargs.items():
        option = "--" + key.replace("_", "-")
        if value is True:
            options.append(option)
        elif value is False:
            options.append("--no-" + key.replace("_", "-"))
        elif isinstance(value, (list, tuple)):
            for item in value:
                options += [option, str(item)]
        elif isinstance(value, dict):
            options += [option, json.dumps(value)]
        elif value is not None:
            options += [option, str(value)]
    return options


COMMANDS = {"build", "clean", "clone", "compile", "debug", "deps", "docs", "init", "list", "ls", "parse", "retry", "run", "run-operation", "seed", "show", "snapshot", "source", "test"}


class OwletRunner:
    def __init__(self, manifest=None, callbacks=None):
        self.callbacks = callbacks or []
        self.manifest = manifest

    def invoke(self, args, **kwargs):
        args = [str(arg) for arg in args] + _flags_of(kwargs)
        command = next((arg for arg in args if arg in COMMANDS), None)
        environment = {**AWS, **_invocation_environment(), **os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", **_frozen_clock(), **clock}
        events = None
        if self.callbacks:
            folder = Path(os.environ.get("DBT_LOG_PATH", ".")) / f"events{uuid.uuid4()}"
            args += ["--log-path", str(folder), "--log-format-file", "json", "--log-level-file", "debug"]
            events = folder / "dbt.log"
        started = time.time()
        print(f"$ owlet {' '.join(args)}")
        done = subprocess.run([OWLET, *args], env=environment, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
        print(done.stdout)
        if done.stderr:
            print(f"stderr: {done.stderr}")
        print(f"exit code {done.returncode}")
        runner_output.append(done.stdout)
        self.done = done
        if done.returncode not in (0, 1, 2):
            raise AssertionError(f"owlet ended with {done.returncode}")
        if "panicked at" in done.stderr:
            raise AssertionError("owlet panicked")
        if events is not None and events.exists():
            for line in events.read_text().splitlines():
                if line.startswith("{"):
                    event = _namespace(json.loads(line))
                    for callback in self.callbacks:
                        callback(event)
        exception = OwletError.of(done.stdout + done.stderr) if done.returncode == 2 else None
        result = None if exception else _result(command, args, done.stdout, started)
        return dbt.cli.main.dbtRunnerResult(success=done.returncode == 0, result=result, exception=exception)


_invoke = click.testing.CliRunner.invoke


def invoke_cli(self, cli, args=None, **kwargs):
    """dbt's command line, as tests call it with click."""
    if cli is not dbt.cli.main.cli:
        return _invoke(self, cli, args, **kwargs)
    runner = OwletRunner()
    runner.invoke(args)
    return SimpleNamespace(output=runner.done.stdout + runner.done.stderr, exit_code=runner.done.returncode)


runner_output = []
# Variables that set the clock of what is started next.
clock = {}


def _invocation_environment():
    from dbt_common.context import get_invocation_context

    try:
        return dict(get_invocation_context().env)
    except LookupError:
        return {}


def _clock_at(moment):
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found:
        pytest.skip("needs libfaketime")
    return {"LD_PRELOAD": found[0], "FAKETIME": moment, "TZ": "UTC", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def _frozen_clock():
    """Where freezegun has stopped Python's clock, the binary's is stopped as well."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return _clock_at(str(now)[:19]) if type(now).__name__ == "FakeDatetime" else {}


@contextlib.contextmanager
def patch_microbatch_end_time(moment):
    """dbt's builder is told another end; Owlet gets another clock (libfaketime)."""
    clock.update(_clock_at(f"@{str(moment)[:19]}"))
    try:
        yield
    finally:
        clock.clear()


def _option(args, *names):
    for index, arg in enumerate(args):
        for name in names:
            if arg == name and index + 1 < len(args):
                return args[index + 1]
            if arg.startswith(name + "="):
                return arg[len(name) + 1 :]
    return None


def _target_folder(args):
    project = Path(_option(args, "--project-dir") or os.environ.get("DBT_PROJECT_DIR", "."))
    named = _option(args, "--target-path") or os.environ.get("DBT_TARGET_PATH")
    if named:
        return project / named
    try:
        named = (yaml.safe_load((project / "dbt_project.yml").read_text()) or {}).get("target-path")
    except (OSError, yaml.YAMLError):
        named = None
    return project / (named or "target")


def _manifest(folder):
    from dbt.artifacts.schemas.manifest import WritableManifest
    from dbt.contracts.graph.manifest import Manifest

    path = folder / "manifest.json"
    if not path.exists():
        return None
    return Manifest.from_writable_manifest(WritableManifest.read_and_check_versions(str(path)))


def _fresh(path, started):
    return path.exists() and path.stat().st_mtime >= started - 0.05


class Results(list):
    """What a run answers: a list of results with the fields of dbt's result classes."""

    def __init__(self, results, **fields):
        super().__init__(results)
        self.results = list(results)
        self.__dict__.update(fields)

    def to_dict(self, omit_none=False):
        return {"results": [result.to_dict() for result in self], **self.__dict__}


def _result(command, args, output, started):
    folder = _target_folder(args)
    if command in ("ls", "list"):
        return [line for line in output.splitlines() if line.strip() and not line.startswith(("\x1b", "1", "2")) or line.startswith("{")]
    if command == "parse":
        return _manifest(folder)
    if command == "docs":
        from dbt.artifacts.schemas.catalog import CatalogArtifact

        path = folder / "catalog.json"
        if not _fresh(path, started):
            return None
        catalog = CatalogArtifact.read_and_check_versions(str(path))
        catalog._compile_results = _run_results(folder, started)
        return catalog
    if command == "debug":
        return True
    if command in ("deps", "clean", "init"):
        return None
    manifest = _manifest(folder)
    if command == "source":
        path = Path(_option(args, "-o", "--output") or folder / "sources.json")
        if not _fresh(path, started):
            return Results([])
        written = json.loads(path.read_text())
        # The answer of a database is its own: tests know that of Postgres.
        for entry in written["results"]:
            if entry.get("adapter_response"):
                entry["adapter_response"] = {"_message": "SELECT 1", "code": "SELECT", "rows_affected": 1}
        path.write_text(json.dumps(written))
        return Results([_run_result(entry, manifest) for entry in written["results"]])
    if command == "retry" and _earlier_command(folder) == "run-operation":
        # Nothing to do: dbt answers with the earlier results.
        return _run_results(folder, 0)
    return _run_results(folder, started)


def _earlier_command(folder):
    path = folder / "run_results.json"
    return json.loads(path.read_text())["args"].get("which") if path.exists() else None


def _run_results(folder, started):
    path = folder / "run_results.json"
    if not _fresh(path, started):
        return Results([])
    manifest = _manifest(folder)
    written = json.loads(path.read_text())
    results = [_run_result(entry, manifest) for entry in written["results"]]
    return Results(results, args=written["args"], elapsed_time=written["elapsed_time"], metadata=_namespace(written["metadata"]))


def _run_result(entry, manifest):
    from dbt.artifacts.schemas.results import RunStatus, TestStatus, FreshnessStatus, NodeStatus

    unique_id = entry["unique_id"]
    node = None
    if manifest is not None:
        for group in (manifest.nodes, manifest.sources, manifest.unit_tests, manifest.functions, manifest.exposures, manifest.saved_queries):
            node = node or group.get(unique_id)
    statuses = {"test": TestStatus, "unit_test": TestStatus, "source": FreshnessStatus}.get(unique_id.split(".")[0], RunStatus)
    try:
        status = statuses(entry["status"])
    except ValueError:
        status = NodeStatus(entry["status"])
    if unique_id.startswith("unit_test.") and node is not None:
        node.tested_node_unique_id = node.depends_on.nodes[0]
    fields = {key: value for key, value in entry.items() if key not in ("status", "timing", "batch_results")}
    batch = entry.get("batch_results")
    return Result(
        node=node or SimpleNamespace(unique_id=unique_id, name=unique_id.split(".")[-1]),
        status=status,
        timing=[_namespace(item) for item in entry.get("timing", [])],
        batch_results=_namespace({"successful": [], "failed": [], **batch}) if batch else None,
        entry=entry,
        **{key: value for key, value in fields.items()},
    )


earlier = {}


class Result(SimpleNamespace):
    def to_dict(self, omit_none=False):
        return dict(self.entry)

    @property
    def skipped(self):
        return self.status == "skipped"


def run_dbt(args=None, expect_pass=True, callbacks=None):
    args = list(args) if args is not None else ["run"]
    # As dbt's own: the project of the command before stands, where another one is not named.
    if "--project-dir" in args:
        earlier["project"] = os.path.abspath(_option(args, "--project-dir"))
    elif "project" in earlier and not os.path.exists("dbt_project.yml"):
        args += ["--project-dir", earlier["project"]]
    runner = OwletRunner(callbacks=callbacks)
    answer = runner.invoke(args)
    if answer.exception is not None:
        raise answer.exception
    if expect_pass is not None:
        assert answer.success == expect_pass, "dbt exit state did not match expected"
    return answer.result


def run_dbt_and_capture(args=None, expect_pass=True):
    runner_output.clear()
    result = run_dbt(args, expect_pass=expect_pass)
    return result, "".join(runner_output)


def get_manifest(project_root):
    return _manifest(Path(str(project_root)) / "target")


if ENGINE == "owlet":
    # Texts are compared without colours, which Owlet leaves away where nobody looks.
    dbt_common.ui.color = lambda text, color_code: text
    pytest.raises = raises
    util.run_dbt = run_dbt
    util.run_dbt_and_capture = run_dbt_and_capture
    util.get_manifest = get_manifest
    util.patch_microbatch_end_time = patch_microbatch_end_time
    util.dbtRunner = OwletRunner
    dbt.cli.main.dbtRunner = OwletRunner
    click.testing.CliRunner.invoke = invoke_cli
