#!/usr/bin/env python3
"""Each key of an entry, and each config, with each type of value, by dbt Core and by Owlet: is it refused, and what becomes of it?

    values.py --owlet BIN [--layers] KIND… [--key KEY]…

KIND is one of KEYS below: `model.config` is what `config:` of a model may say, `model` what its entry may. With --layers, KIND is a tree of
dbt_project.yml instead: LAYERS are said at its root, in the project's folder and by the entry, and what they come to is compared.
Runs in the Python that dbt Core and dbt-athena are installed in, by hand: a kind takes minutes. Prints what differs; exits with 1 if anything does.

All cases of a kind are entries of one project. One that is refused hides the others, so that the cases are halved until each is alone or accepted.
Kinds of FILES (`project`, `profile`, …) are about a file, so that each case has a project of its own, whose nodes, settings and selectors are compared.
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
    "function": ["description", "arguments", "returns", "type", "config", "overloads"],
    "metric.config": ["enabled", "group", "tags", "meta"],
    "metric": ["label", "description", "type", "type_params", "filter", "time_granularity", "config"],
    "metric.type_params": [
        "measure", "numerator", "denominator", "expr", "window", "grain_to_date", "metrics", "conversion_type_params", "cumulative_type_params",
        "metric_aggregation_params",
    ],
    "semantic_model.config": ["enabled", "group", "meta"],
    "semantic_model": ["label", "description", "model", "defaults", "entities", "dimensions", "measures", "primary_entity", "config"],
    "entity": ["type", "description", "label", "role", "expr", "config"],
    "dimension": ["type", "description", "label", "is_partition", "type_params", "expr", "config"],
    "measure": ["agg", "description", "label", "expr", "agg_params", "agg_time_dimension", "non_additive_dimension", "create_metric", "config"],
    "saved_query.config": ["enabled", "group", "tags", "meta", "export_as", "schema", "cache"],
    "saved_query": ["label", "description", "query_params", "exports", "tags", "config"],
    "saved_query.query_params": ["metrics", "group_by", "where", "order_by", "limit"],
    "export": ["config"],
    "export.config": ["export_as", "schema", "alias"],
    "semantics": ["semantic_model", "metrics", "derived_semantics", "agg_time_dimension", "primary_entity"],
    "semantics.semantic_model": ["enabled", "name", "config"],
    "semantic_column": ["entity", "dimension", "granularity"],
    # Of a file, of which each case has its own.
    "project": [
        "name", "version", "config-version", "profile", "model-paths", "macro-paths", "seed-paths", "snapshot-paths", "test-paths", "analysis-paths",
        "function-paths", "docs-paths", "asset-paths", "osi-paths", "target-path", "log-path", "clean-targets", "packages-install-path", "query-comment",
        "on-run-start", "on-run-end", "require-dbt-version", "dispatch", "vars", "quoting", "models", "seeds", "snapshots", "data_tests", "tests", "sources",
        "exposures", "unit_tests", "metrics", "semantic-models", "saved-queries", "functions", "analyses", "flags", "restrict-access", "dbt-cloud",
    ],
    "profile": [
        "type", "region_name", "s3_staging_dir", "s3_data_dir", "s3_data_naming", "s3_tmp_table_dir", "schema", "database", "catalog", "threads", "work_group",
        "skip_workgroup_check", "endpoint_url", "aws_profile_name", "aws_access_key_id", "poll_interval", "debug_query_state", "num_retries",
        "num_boto3_retries", "num_iceberg_retries", "spark_work_group", "seed_s3_upload_args", "lf_tags_database", "connection_manager",
    ],
    "selector": ["name", "description", "definition", "default"],
    "selector.definition": [
        "union", "intersection", "method", "value", "children", "parents", "childrens_parents", "children_depth", "parents_depth", "indirect_selection",
        "exclude",
    ],
    "dispatch": ["macro_namespace", "search_order"],
}
FILES = {"project", "profile", "selector", "dispatch"}

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
SECTIONS = ["nodes", "sources", "exposures", "unit_tests", "groups", "functions", "macros", "metrics", "semantic_models", "saved_queries"]
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
        case "metric":
            facts(entries, files)
            type_params = {"measure": "counted"} if inside != "type_params" else said.pop("type_params")
            put("metrics", {"name": name, "label": name, "type": "simple", "type_params": type_params, **said})
        case "semantic_model":
            facts(entries, files)
            put("semantic_models", semantic_model(name) | said)
        case "entity" | "dimension" | "measure":
            facts(entries, files)
            model = semantic_model(name)
            part = model["entities" if of == "entity" else f"{of}s"][0]
            part.update(said)
            put("semantic_models", model)
        case "saved_query" | "export":
            facts(entries, files)
            if not entries.get("metrics"):
                put("metrics", {"name": "count", "label": "count", "type": "simple", "type_params": {"measure": "counted"}})
            if of == "export":
                said = {"exports": [{"name": f"export_{name}", **said}]}
            elif inside == "query_params":
                said["query_params"] = {"metrics": ["count"], **said["query_params"]}
            put("saved_queries", {"name": name, "query_params": {"metrics": ["count"]}, **said})
        case "semantics" | "semantic_column":
            facts(entries, files)
            files[f"models/{name}.sql"] = select
            column = {"name": "at", "granularity": "day", "dimension": {"type": "time"}}
            model = {"name": name, "semantic_model": {"enabled": True}, "agg_time_dimension": "at", "columns": [column, {"name": "id"}]}
            if of == "semantics":
                model |= said
            else:
                model["columns"][1] |= said
            put("models", model)


def facts(entries: dict, files: dict) -> None:
    """A semantic model with a measure, and the time spine that metrics need."""
    if "semantic_models" in entries:
        return
    files["models/facts.sql"] = files["models/spine.sql"] = "select 1 as id, current_date as at"
    spine = {"name": "spine", "time_spine": {"standard_granularity_column": "at"}, "columns": [{"name": "at", "granularity": "day"}]}
    entries["models"] = [spine]
    entries["semantic_models"] = [semantic_model("of_facts", "counted")]


def semantic_model(name: str, measure: str | None = None) -> dict:
    day = {"name": "at", "type": "time", "type_params": {"time_granularity": "day"}}
    return {
        "name": name, "model": "ref('facts')", "defaults": {"agg_time_dimension": "at"}, "entities": [{"name": "id", "type": "primary"}],
        "dimensions": [day], "measures": [{"name": measure or f"measure_of_{name}", "agg": "count", "expr": "id"}],
    }


def file(kind: str, said: dict) -> dict:
    """The files of a project for a case that is about a file."""
    settings = {"name": "shop", "version": "1.0", "profile": "parity"}
    files = {"models/one.sql": "select 1 as id", "models/two.sql": "select * from {{ ref('one') }}", "macros/three.sql": "{% macro three() %}3{% endmacro %}"}
    match kind:
        case "project":
            settings |= said
        case "dispatch":
            settings["dispatch"] = [{"macro_namespace": "dbt", "search_order": ["shop", "dbt"], **said}]
        case "profile":
            output = PROFILE["parity"]["outputs"]["dev"] | said
            files["profiles.yml"] = json.dumps({"parity": {"target": "dev", "outputs": {"dev": output}}})
        case "selector":
            files["selectors.yml"] = yaml.safe_dump({"selectors": [{"name": "chosen", "definition": "one", **said}]}, sort_keys=False)
        case "selector.definition":
            said = {"method": "fqn", "value": "one", **said} if not said.keys() & {"union", "intersection", "exclude"} else said
            files["selectors.yml"] = yaml.safe_dump({"selectors": [{"name": "chosen", "definition": said}]}, sort_keys=False)
    return {"dbt_project.yml": yaml.safe_dump(settings, sort_keys=False), **files}


def project(kind: str, cases: dict, trees: dict) -> dict:
    """The files of a project with all of the cases."""
    if kind.split(".")[0] in FILES:
        return file(kind, next(iter(cases.values())))
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
        for path, text in {"profiles.yml": json.dumps(PROFILE), **files}.items():
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
        if kind.split(".")[0] in FILES and len(cases) > 1:
            return {name: answer for case in cases.items() for name, answer in self.answers(kind, dict([case]), trees).items()}
        manifest, error = self.parse(project(kind, cases, trees))
        if manifest and kind.split(".")[0] in FILES:
            return dict.fromkeys(cases, whole(manifest))
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
            # A snapshot in YAML has the checksum of its file, whose cases are not the same for both.
            passing = PASSING | {"checksum"} if entry["resource_type"] == "snapshot" else PASSING
            found[unique_id] = {key: value for key, value in entry.items() if key not in passing}
    return found


def whole(manifest: dict) -> dict:
    """What the project has of its own, and of its files."""
    own = {
        unique_id: {key: value for key, value in entry.items() if key not in PASSING}
        for section in SECTIONS for unique_id, entry in manifest[section].items() if entry["package_name"] not in ("dbt", "dbt_athena")
    }
    return own | {"selectors": manifest["selectors"], "project_name": manifest["metadata"]["project_name"], "quoting": manifest["metadata"]["quoting"]}


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
