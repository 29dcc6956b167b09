#!/usr/bin/env python3
"""Each key of an entry, and each config, with each type of value, by dbt Core and by Owlet: is it refused, and what becomes of it?

    values.py --owlet BIN [--layers] KIND… [--key KEY]…

KIND is one of KEYS below: `model.config` is what `config:` of a model may say, `model` what its entry may. With --layers, KIND is a tree of
dbt_project.yml instead: LAYERS are said at its root, in the project's folder and by the entry, and what they come to is compared.
Runs in the Python that dbt Core and dbt-athena are installed in, by hand: a kind takes minutes. Prints what differs; exits with 1 if anything does.

All cases of a kind are entries of one project. One that is refused hides the others, so that the cases are halved until each is alone or accepted.
"""

import argparse
import json
import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from parity import PROFILE, differences

VALUES = [None, "", "text", 5, 0, 1.5, True, False, [], ["a"], [1, None], {}, {"a": 1}, {"a": None}, "{{ 1 }}"]

OF_ALL = ["enabled", "tags", "meta", "group", "alias", "schema", "database"]
OF_NODES = [
    *OF_ALL, "materialized", "incremental_strategy", "batch_size", "lookback", "begin", "persist_docs", "pre_hook", "post_hook", "quoting", "column_types",
    "full_refresh", "unique_key", "on_schema_change", "on_configuration_change", "grants", "packages", "docs", "contract", "event_time",
    "concurrent_batches", "static_analysis", "on_error", "sql_header",
]
OF_ENTRIES = ["description", "docs", "meta", "columns", "data_tests", "tests", "config", "group", "access"]
KEYS = {
    "model.config": [*OF_NODES, "access", "latest_version_pointer", "freshness", "deprecation_date"],
    "model": [*OF_ENTRIES, "contract", "constraints", "latest_version", "versions", "deprecation_date", "time_spine", "freshness"],
    "column": ["description", "meta", "tags", "quote", "data_type", "constraints", "data_tests", "granularity"],
    "seed.config": [*OF_NODES, "quote_columns", "delimiter"],
    "seed": OF_ENTRIES,
    "snapshot.config": [
        *OF_NODES, "strategy", "target_schema", "target_database", "updated_at", "check_cols", "snapshot_meta_column_names", "dbt_valid_to_current",
        "hard_deletes", "invalidate_hard_deletes",
    ],
    "snapshot": [*OF_ENTRIES, "relation"],
    "test.config": [
        *OF_ALL, "severity", "store_failures", "store_failures_as", "where", "limit", "fail_calc", "warn_if", "error_if", "sql_header", "materialized",
    ],
    "test": ["name", "description", "config", "arguments", "severity", "where", "limit", "tags", "enabled", "alias", "meta", "column_name"],
    "source.config": [*OF_ALL, "event_time", "freshness", "loaded_at_field", "loaded_at_query", "quoting"],
    "source": [
        "description", "database", "schema", "loader", "quoting", "freshness", "loaded_at_field", "loaded_at_query", "meta", "tags", "config", "overrides",
        "tables",
    ],
    "table.config": [*OF_ALL, "event_time", "freshness", "loaded_at_field", "loaded_at_query", "quoting"],
    "table": [
        "description", "identifier", "loader", "quoting", "freshness", "loaded_at_field", "loaded_at_query", "meta", "tags", "config", "external", "columns",
        "data_tests",
    ],
    "exposure.config": ["enabled", "tags", "meta"],
    "exposure": ["type", "owner", "description", "label", "maturity", "meta", "tags", "url", "depends_on", "config"],
    "unit_test.config": ["enabled", "tags", "meta"],
    "unit_test": ["model", "given", "expect", "description", "overrides", "config", "versions"],
    "macro": ["description", "meta", "docs", "arguments", "config"],
    "group.config": ["meta"],
    "group": ["owner", "description", "config"],
    "function.config": [*OF_ALL, "type", "volatility", "runtime_version", "entry_point"],
}

# What the root of a tree, the project's folder and the entry say.
LAYERS = {
    "tags": [["p"], ["f", "p"], ["c"]],
    "meta": [{"a": 1, "n": {"x": 1}}, {"b": 2, "n": {"y": 1}}, {"c": 3}],
    "packages": [["p"], ["f"], ["c"]],
    "grants": [{"select": ["p"]}, {"+select": ["f"]}, {"+select": "c", "insert": ["i"]}],
    "quoting": [{"schema": True}, {"identifier": True}, {"database": False}],
    "docs": [{"show": False}, {"node_color": "red"}, {"show": True}],
    "column_types": [{"a": "int"}, {"b": "int"}, {"a": "string"}],
    "snapshot_meta_column_names": [{"dbt_valid_from": "vf"}, {"dbt_valid_to": "vt"}, {"dbt_scd_id": "x"}],
    "latest_version_pointer": [{"enabled": True}, {"alias": "a"}, {"enabled": False}],
    "persist_docs": [{"relation": True}, {"columns": True}, {"relation": False}],
    "pre-hook": ["p", ["f"], "c"],
    "contract": [{"enforced": False}, {"alias_types": False}, {"enforced": False}],
    "partitioned_by": [["a"], ["b"], ["c"]],
    "of_ours": [{"a": 1}, {"b": 1}, {"c": 1}],
}
TREES = {
    "model": "models", "seed": "seeds", "snapshot": "snapshots", "test": "data_tests", "source": "sources", "table": "sources", "exposure": "exposures",
    "unit_test": "unit_tests", "function": "functions",
}
SECTIONS = ["nodes", "sources", "exposures", "unit_tests", "groups", "functions", "macros"]
# The order of making, and where.
PASSING = {"created_at", "root_path", "supported_languages", "macro_sql"}


def add(kind: str, name: str, said: dict, files: dict, entries: dict) -> None:
    """An entry of `kind` that says `said`, with what it needs around it."""
    of, _, inside = kind.partition(".")
    if inside:
        said = {inside: said}
    put = lambda section, entry: entries.setdefault(section, []).append(entry)
    select = "select 1 as id"
    match of:
        case "model":
            files[f"models/{name}.sql"] = select
            put("models", {"name": name, **said})
        case "column":
            files[f"models/{name}.sql"] = select
            put("models", {"name": name, "columns": [{"name": "id", **said}]})
        case "test":
            files[f"models/{name}.sql"] = select
            put("models", {"name": name, "columns": [{"name": "id", "data_tests": [{"unique": {"name": f"test_{name}", **said}}]}]})
        case "seed":
            files[f"seeds/{name}.csv"] = "id\n1\n"
            put("seeds", {"name": name, **said})
        case "snapshot":
            entries["sources"] = [{"name": "lake", "tables": [{"name": "t"}]}]
            config = {"strategy": "check", "check_cols": "all", "unique_key": "id"}
            if inside:
                config, said = {**config, **said["config"]}, {}
            put("snapshots", {"name": name, "relation": "source('lake', 't')", "config": config, **said})
        case "source":
            put("sources", {"name": name, "tables": [{"name": "t"}], **said})
        case "table":
            put("sources", {"name": name, "tables": [{"name": "t", **said}]})
        case "exposure":
            put("exposures", {"name": name, "type": "notebook", "owner": {"name": "me"}, **said})
        case "unit_test":
            files["models/tested.sql"] = select
            put("unit_tests", {"name": name, "model": "tested", "given": [], "expect": {"rows": [{"id": 1}]}, **said})
        case "macro":
            files[f"macros/{name}.sql"] = "{% macro " + name + "(a) %}1{% endmacro %}"
            put("macros", {"name": name, **said})
        case "group":
            put("groups", {"name": name, "owner": {"name": "me"}, **said})
        case "function":
            files[f"functions/{name}.sql"] = "1"
            put("functions", {"name": name, "returns": {"data_type": "int"}, **said})


def project(kind: str, cases: dict, trees: dict) -> dict:
    """The files of a project with all of the cases."""
    files = {"dbt_project.yml": yaml.safe_dump({"name": "shop", "profile": "parity", **trees}, sort_keys=False)}
    entries = {}
    for name, said in cases.items():
        add(kind, name, said, files, entries)
    return {**files, "models/entries.yml": yaml.safe_dump(entries, sort_keys=False)}


class Engine:
    """One of the two, in a folder of its own."""

    def __init__(self, root: Path, owlet: str | None):
        self.root, self.owlet, self.runs = root, owlet, 0

    def parse(self, files: dict) -> tuple[dict | None, str]:
        """The manifest, or why there is none."""
        shutil.rmtree(self.root, ignore_errors=True)
        for path, text in {**files, "profiles.yml": json.dumps(PROFILE)}.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)
        self.runs += 1
        arguments = ["parse", "--project-dir", str(self.root), "--profiles-dir", str(self.root), "--target-path", str(self.root / "target")]
        error = self.by_owlet(arguments) if self.owlet else self.by_dbt(arguments)
        return (None, error) if error else (json.loads((self.root / "target/manifest.json").read_text()), "")

    def by_owlet(self, arguments: list[str]) -> str:
        done = subprocess.run([self.owlet, *arguments], capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def by_dbt(self, arguments: list[str]) -> str:
        from dbt.cli.main import dbtRunner

        quiet = ["--log-level", "none", "--log-level-file", "none", "--no-partial-parse", "--no-version-check", "--no-send-anonymous-usage-stats"]
        done = dbtRunner().invoke([*quiet, *arguments])
        return "" if done.success else str(done.exception) or "refused"

    def answers(self, kind: str, cases: dict, trees: dict) -> dict:
        """Of each case its resources, or the text of its refusal."""
        manifest, error = self.parse(project(kind, cases, trees))
        if manifest:
            return {name: resources(manifest, name) for name in cases}
        if len(cases) == 1:
            return dict.fromkeys(cases, error)
        listed = list(cases.items())
        half = len(listed) // 2
        return self.answers(kind, dict(listed[:half]), trees) | self.answers(kind, dict(listed[half:]), trees)


def resources(manifest: dict, name: str) -> dict:
    """What a case made, by unique id."""
    found = {}
    everything = [(unique_id, entry) for section in SECTIONS for unique_id, entry in manifest.get(section, {}).items()]
    everything += [(f"disabled {unique_id}", entry) for unique_id, entries in manifest.get("disabled", {}).items() for entry in entries]
    for unique_id, entry in everything:
        if name in unique_id.split(".") or entry.get("name") in (name, f"test_{name}") or entry.get("source_name") == name:
            found[unique_id] = {key: value for key, value in entry.items() if key not in PASSING}
    return found


def compare(kind: str, cases: dict, trees: dict, ours: Engine, theirs: Engine) -> int:
    """How many cases differ."""
    by_us = ours.answers(kind, cases, trees)
    accepted = {name: said for name, said in cases.items() if isinstance(by_us[name], dict)}
    by_dbt = theirs.answers(kind, accepted, trees) if accepted else {}
    # What we refuse, dbt most likely does too: alone, so that it hides nothing.
    for name in cases.keys() - accepted.keys():
        by_dbt |= theirs.answers(kind, {name: cases[name]}, trees)
    count = 0
    for name, said in cases.items():
        our, their = by_us[name], by_dbt[name]
        if isinstance(our, str) and isinstance(their, str):
            continue
        if isinstance(our, str) or isinstance(their, str):
            who, text = ("owlet", our) if isinstance(our, str) else ("dbt", their)
            found = [f"only {who} refuses it: " + " | ".join(text.strip().splitlines()[:4])]
        else:
            found = [f"{path}: dbt {json.dumps(dbt)}, owlet {json.dumps(owlet)}" for path, owlet, dbt in differences("", our, their)]
        if found:
            count += 1
            print(f"== {kind} {json.dumps(said)}", *(f"  {line[:300]}" for line in found), sep="\n", flush=True)
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--owlet", required=True)
    parser.add_argument("--layers", action="store_true")
    parser.add_argument("--key", action="append", help="only this one")
    parser.add_argument("kinds", nargs="+", metavar="KIND")
    options = parser.parse_args()
    # MetricFlow's, about what is no part of this.
    logging.disable(logging.WARNING)
    count = 0
    with tempfile.TemporaryDirectory(prefix="values-") as directory:
        ours, theirs = Engine(Path(directory) / "project", options.owlet), Engine(Path(directory) / "project", None)
        for kind in options.kinds:
            keys = [key for key in (LAYERS if options.layers else KEYS[kind]) if not options.key or key in options.key]
            if options.layers:
                tree = {**{f"+{key}": LAYERS[key][0] for key in keys}, "shop": {f"+{key}": LAYERS[key][1] for key in keys}}
                cases = {"layered": {key: LAYERS[key][2] for key in keys}}
                differ = compare(f"{kind}.config", cases, {TREES[kind]: tree}, ours, theirs)
            else:
                cases = {f"{key.replace('-', '_')}_{number}": {key: value} for key in keys for number, value in enumerate(VALUES)}
                differ = compare(kind, cases, {}, ours, theirs)
            print(f"{kind}: {len(cases)} cases, {differ} differ", flush=True)
            count += differ
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
