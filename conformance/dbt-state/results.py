"""`result:` and `source_status:` selections and `--warn-error-options`, by dbt Core and by Owlet, on one project with made-up earlier results.

    results.py --owlet BIN

Runs in the Python that dbt Core and dbt-athena are installed in.
"""

import argparse
import contextlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

FILES = {
    "profiles.yml": """\
shop:
  outputs:
    dev: {type: athena, database: awsdatacatalog, schema: dev, region_name: eu-west-1, s3_staging_dir: "s3://results/"}
  target: dev
""",
    # The path below models is no folder: a warning.
    "dbt_project.yml": "{name: shop, version: '1.0', profile: shop, models: {shop: {nowhere: {+enabled: true}}}}\n",
    "models/a.sql": "select * from {{ source('raw', 'fresh') }}\n",
    "models/b.sql": "select * from {{ source('raw', 'old') }} join {{ ref('a') }} using (id)\n",
    "models/c.sql": "select * from {{ ref('b') }} join {{ source('raw', 'never') }} using (id)\n",
    "seeds/s.csv": "id\n1\n",
    "snapshots/t.sql": "{% snapshot t %}{{ config(strategy='check', check_cols='all', unique_key='id') }}select * from {{ ref('a') }}{% endsnapshot %}\n",
    "models/schema.yml": """\
sources: [{name: raw, tables: [{name: fresh}, {name: old}, {name: never}, {name: new}]}]
models:
  - {name: a, columns: [{name: id, data_tests: [not_null, unique]}]}
  - {name: b, columns: [{name: id, data_tests: [not_null]}]}
""",
}

RESULTS = {
    "model.shop.a": "success",
    "model.shop.b": "error",
    "model.shop.c": "skipped",
    "seed.shop.s": "success",
    "snapshot.shop.t": "partial success",
    "test.shop.not_null_a_id": "fail",
    "test.shop.unique_a_id": "warn",
    "test.shop.not_null_b_id": "pass",
}

# Source → when its newest row came, in the earlier run and in this one; None is a failure.
TIMES = {
    "source.shop.raw.fresh": ("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"),
    "source.shop.raw.old": ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
    "source.shop.raw.never": (None, None),
    "source.shop.raw.new": (None, "2024-01-01T00:00:00Z"),
}

SELECTIONS = [
    ["-s", "result:success"], ["-s", "result:error"], ["-s", "result:error+"], ["-s", "1+result:fail"], ["-s", "result:warn", "result:pass"],
    ["-s", "result:skipped"], ["-s", "result:partial success"], ["-s", "result:*"], ["-s", "result:success,resource_type:model"],
    ["--exclude", "result:success+"], ["-s", "result:strange"], ["-s", "source_status:fresher"], ["-s", "source_status:fresher+"],
    ["-s", "source_status:fresher+", "--exclude", "result:error"],
]  # fmt: skip

OPTIONS = [
    "{error: all}", "{error: ['*']}", "{error: '*'}", "{include: all}", "{error: all, warn: [UnusedResourceConfigPath]}",
    "{error: [UnusedResourceConfigPath]}", "{error: [NothingToDo]}", "{error: [Deprecations]}", "{error: [Pizza]}",
    "{error: all, silence: [UnusedResourceConfigPath]}", "{warn: [UnusedResourceConfigPath]}",
    "{error: [UnusedResourceConfigPath], silence: [UnusedResourceConfigPath]}", "{error: all, include: all}", "[]", "text",
]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--owlet", required=True)
    options = parser.parse_args()
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        project = pathlib.Path(folder).resolve()
        for name, text in FILES.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(text)
        state = earlier(project)
        for selection in SELECTIONS:
            arguments = ["ls", *selection, "--state", str(state)]
            wrong += differ(selection, by_dbt(project, arguments), by_command(options.owlet, project, arguments))
        for value in OPTIONS:
            # A process of its own: dbt remembers warnings from one invocation to the next.
            dbt = str(pathlib.Path(sys.executable).with_name("dbt"))
            # Whether it is refused; dbt's code for wrong options is 1.
            theirs = by_command(dbt, project, ["parse", "--warn-error-options", value])[0] != 0
            ours = by_command(options.owlet, project, ["parse", "--warn-error-options", value])[0] != 0
            variable = by_command(options.owlet, project, ["parse"], {"DBT_WARN_ERROR_OPTIONS": value})[0] != 0
            wrong += differ(value, (theirs, theirs), (ours, variable))
    print(f"{len(SELECTIONS) + len(OPTIONS)} answers, {wrong} differ")
    return 1 if wrong else 0


def differ(what, theirs, ours) -> int:
    if theirs == ours:
        return 0
    print(f"{what}:\n   dbt   {theirs}\n   owlet {ours}")
    return 1


def earlier(project: pathlib.Path) -> pathlib.Path:
    by_dbt(project, ["parse"])
    state = project / "state"
    state.mkdir()
    shutil.copy(project / "target" / "manifest.json", state)
    common = {"timing": [], "thread_id": "t", "execution_time": 1.0, "adapter_response": {}}
    tests = {test.rsplit(".", 1)[0]: test for test in json.loads((state / "manifest.json").read_text())["nodes"] if test.startswith("test.")}
    results = [
        {"unique_id": tests.get(unique_id, unique_id), "status": status, "message": None, "failures": None, "compiled": True, "compiled_code": "", "relation_name": None, **common}
        for unique_id, status in RESULTS.items()
    ]
    metadata = {"dbt_version": "1.12.0", "generated_at": "2024-01-02T00:00:00Z", "invocation_id": "i", "env": {}}
    schema = "https://schemas.getdbt.com/dbt/{}.json"
    written = {"metadata": {**metadata, "dbt_schema_version": schema.format("run-results/v6")}, "results": results, "elapsed_time": 1.0, "args": {}}
    (state / "run_results.json").write_text(json.dumps(written))
    for index, folder in enumerate((state, project / "target")):
        sources = [source_result(unique_id, times[index], common) for unique_id, times in TIMES.items()]
        written = {"metadata": {**metadata, "dbt_schema_version": schema.format("sources/v3")}, "results": sources, "elapsed_time": 1.0}
        (folder / "sources.json").write_text(json.dumps(written))
    return state


def source_result(unique_id: str, loaded_at: str | None, common: dict) -> dict:
    if loaded_at is None:
        return {"unique_id": unique_id, "error": "no", "status": "runtime error"}
    criteria = {"warn_after": {"count": 1, "period": "day"}, "error_after": {"count": None, "period": None}, "filter": None}
    times = {"max_loaded_at": loaded_at, "snapshotted_at": "2024-01-03T00:00:00Z", "max_loaded_at_time_ago_in_s": 1.0}
    return {"unique_id": unique_id, **times, "status": "pass", "criteria": criteria, **common}


def by_dbt(project: pathlib.Path, arguments: list[str]):
    from dbt.cli.main import dbtRunner

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        quiet = ["--quiet", "--no-partial-parse", "--log-level-file", "none", "--project-dir", str(project), "--profiles-dir", str(project)]
        done = dbtRunner().invoke([*arguments, *quiet])
    code = 0 if done.success else 1 if done.exception is None else 2
    return code, sorted(done.result) if code == 0 and isinstance(done.result, list) else []


def by_command(program: str, project: pathlib.Path, arguments: list[str], environment: dict | None = None):
    command = [program, *arguments, "--quiet", "--project-dir", str(project), "--profiles-dir", str(project)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    return done.returncode, sorted(done.stdout.splitlines()) if done.returncode == 0 and arguments[0] == "ls" else []


if __name__ == "__main__":
    sys.exit(main())
