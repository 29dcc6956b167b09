"""Asks every consumer about the artifacts of one project, and compares what it says with the artifacts themselves."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

project = Path(sys.argv[1])
target = project / "target"
manifest = json.loads((target / "manifest.json").read_text())
of_type = lambda kind: [node for node in manifest["nodes"].values() if node["resource_type"] == kind]
models = of_type("model")
failed = []


def check(what, fact, wanted):
    ok = fact == wanted
    shown = len(fact) if isinstance(fact, (set, list)) else fact
    print(f"ok     {what}: {shown}" if ok else f"FAILED {what}: {fact}, not {wanted}")
    if not ok:
        failed.append(what)


def run(*command):
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stdout + done.stderr)
    return done


def artifacts_parser():
    from dbt_artifacts_parser import parser

    for name, version in [("manifest", "v12"), ("run_results", "v6"), ("catalog", "v1"), ("sources", "v3")]:
        read = getattr(parser, f"parse_{name}")(json.loads((target / f"{name}.json").read_text()))
        check(f"dbt-artifacts-parser, {name}", type(read).__module__.rsplit("_", 1)[-1], version)


def colibri():
    out = project / "colibri"
    done = run("colibri", "generate", "--manifest", "target/manifest.json", "--catalog", "target/catalog.json",
               "--output-dir", str(out), "--disable-telemetry")
    check("dbt-colibri, exit code", done.returncode, 0)
    check("dbt-colibri, models without SQL", "missing compiled SQL" in done.stdout + done.stderr, False)
    report = json.loads((out / "colibri-manifest.json").read_text())
    missing = [model["unique_id"] for model in models if model["unique_id"] not in report["nodes"]]
    check("dbt-colibri, models that are not in its lineage", missing, [])
    edges = report["lineage"]["edges"]
    check("dbt-colibri, columns have a lineage", any(edge.get("sourceColumn") for edge in edges), True)


def coverage():
    done = run("dbt-coverage", "compute", "doc", "--cov-report", "coverage.json")
    check("dbt-coverage, exit code", done.returncode, 0)
    report = json.loads((project / "coverage.json").read_text())
    tables = len(report["tables"])
    catalog = json.loads((target / "catalog.json").read_text())
    check("dbt-coverage, tables", tables, len(catalog["nodes"]) + len(catalog["sources"]))


def score():
    done = run("dbt-score", "lint", "--manifest", "target/manifest.json", "--format", "json")
    try:
        report = json.loads(done.stdout)
    except ValueError:
        print(done.stdout[:2000] + done.stderr)
        raise
    judged = report["evaluables"]
    check("dbt-score, models that it does not judge", [m["name"] for m in models if m["unique_id"] not in judged], [])


def erd():
    done = run("dbterd", "run", "--artifacts-dir", "target", "--target", "dbml", "--output", str(project / "target"))
    check("dbterd, exit code", done.returncode, 0)
    text = (target / "output.dbml").read_text()
    relations = sum(node["test_metadata"]["name"] == "relationships" for node in of_type("test") if node.get("test_metadata"))
    check("dbterd, relationships", sum(line.startswith("Ref:") for line in text.splitlines()), relations)


def cosmos():
    from cosmos.config import ExecutionConfig, ProjectConfig, RenderConfig
    from cosmos.constants import LoadMode
    from cosmos.dbt.graph import DbtGraph

    def found(*select):
        graph = DbtGraph(
            project=ProjectConfig(manifest_path=target / "manifest.json", project_name=project.name),
            execution_config=ExecutionConfig(dbt_project_path=project),
            render_config=RenderConfig(select=list(select), load_method=LoadMode.DBT_MANIFEST),
        )
        graph.load_from_dbt_manifest()
        return {unique_id for unique_id in graph.filtered_nodes if unique_id.startswith("model.")}

    check("cosmos, models", found(), {model["unique_id"] for model in models})
    views = {model["unique_id"] for model in models if model["config"]["materialized"] == "view"}
    check("cosmos, views", found("config.materialized:view"), views)


for consumer in [artifacts_parser, colibri, coverage, score, erd, cosmos]:
    consumer()
sys.exit(f"{len(failed)} checks failed" if failed else 0)
