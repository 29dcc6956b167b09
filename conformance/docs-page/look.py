#!/usr/bin/env python3
"""Serves documentation with `owlet docs serve`, opens pages in headless Chromium and checks what they show."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


class Site:
    """`owlet docs serve` on a free port."""

    def __init__(self, owlet: str, project: Path, chromium: str):
        self.chromium = chromium
        self.process = subprocess.Popen([owlet, "docs", "serve", "--port", "0", "--no-browser"], cwd=project, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if found := re.search(r"navigate to: (http://\S+)", line):
                self.url = found.group(1)
                return
        sys.exit("docs serve ended before it served")

    def page(self, address: str) -> str:
        """The document after its scripts have run."""
        with tempfile.TemporaryDirectory() as profile:
            done = subprocess.run(
                [self.chromium, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--window-size=1400,900",
                 "--virtual-time-budget=15000", "--dump-dom", f"{self.url}/#!/{address}"],
                capture_output=True, text=True, timeout=180,
            )
        return done.stdout

    def close(self):
        self.process.terminate()
        self.process.wait()


failures = 0


def check(what: str, holds: bool, document: str):
    global failures
    print(f"{'ok' if holds else 'WRONG':8}{what}", flush=True)
    if not holds:
        failures += 1
        print(re.sub(r"<(style|script)[\s\S]*?</\1>", "", document)[:3000])


def example(owlet: str, chromium: str, project: Path):
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "flights"
        shutil.copytree(project, copy, ignore=shutil.ignore_patterns("target", "logs", ".owlet", "dbt_packages", "data"))
        (copy / "data" / "raw").mkdir(parents=True)
        # Without compiling, the manifest is the one that is there.
        subprocess.run([owlet, "parse"], cwd=copy, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([owlet, "docs", "generate", "--no-compile"], cwd=copy, check=True, stdout=subprocess.DEVNULL)
        site = Site(owlet, copy, chromium)
        try:
            page = site.page("overview")
            check("the overview counts the models", bool(re.search(r"<b>11</b>[\s\S]{0,200}Models", page)), page)
            page = site.page("search/routes")
            check("search finds a model by its name", 'data-id="model.flights.mart_routes"' in page and "<mark>routes</mark>" in page, page)
            page = site.page("search/nothing_has_this_name")
            check("search says when nothing is found", "0 results" in page, page)
            page = site.page("model/model.flights.fct_flights")
            check("a model shows its description", "One row per flight with its carrier" in page, page)
            check("a model shows its columns and tests", "flight_key" in page and ">unique</a>" in page and ">not_null</a>" in page, page)
            check("a model shows what it depends on", 'href="#!/model/model.flights.stg_flights"' in page and "Depends on" in page, page)
            check("a model shows its code in colours", '<span class="k">select</span>' in page, page)
            page = site.page("lineage")
            check("the lineage shows all nodes", 'data-nodes="20"' in page, page)
            page = site.page("lineage/model.flights.fct_flights?up=1&down=1")
            check("the lineage focuses on a model", 'data-nodes="9"' in page, page)
            page = site.page("model/model.flights.nobody")
            check("an unknown model is said to be unknown", "Not found" in page, page)
        finally:
            site.close()


def large(owlet: str, chromium: str):
    """2,000 models in 20 layers, a function, and a model whose texts try to be more than texts."""
    nodes, parents = {}, {}
    for at in range(2000):
        name = f"model_{at:04}"
        nodes[f"model.big.{name}"] = {
            "resource_type": "model", "name": name, "package_name": "big", "original_file_path": f"models/layer_{at // 100:02}/{name}.sql", "description": f"Number {at}",
            "columns": {f"c{n}": {"name": f"c{n}", "description": "x"} for n in range(10)}, "raw_code": "select 1 as c0 -- " + "x" * 400, "config": {"materialized": "table"}, "tags": [],
            "schema": "dev", "database": "awsdatacatalog", "relation_name": f'"awsdatacatalog"."dev"."{name}"',
        }
        layer = at // 100
        parents[f"model.big.{name}"] = [f"model.big.model_{(layer - 1) * 100 + (at * step) % 100:04}" for step in (1, 7, 13)] if layer else []
    evil = "<img src=x onerror=document.title='taken'> [a](javascript:document.title='taken') <script>document.title='taken'</script>"
    nodes["model.big.model_0000"] |= {"description": evil, "raw_code": "</script><script>document.title='taken'</script>", "tags": [evil]}
    number = [{"name": "amount", "data_type": "double", "description": "in cents"}]
    functions = {"function.big.to_euro": {
        "resource_type": "function", "name": "to_euro", "package_name": "big", "original_file_path": "functions/to_euro.sql", "description": "Euros of cents", "raw_code": "amount / 100",
        "arguments": number, "returns": {"data_type": "decimal(18,2)"}, "config": {}, "tags": [],
        "overloads": [{"defined_in": "to_euro_text", "arguments": [{"name": "amount", "data_type": "varchar"}], "returns": None, "raw_body": "cast(amount as double) / 100"}],
    }}
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "dbt_project.yml").write_text("name: big\n")
        (project / "target").mkdir()
        (project / "target" / "manifest.json").write_text(json.dumps({"metadata": {"project_name": "big"}, "nodes": nodes, "functions": functions, "parent_map": parents}))
        site = Site(owlet, project, chromium)
        try:
            started = time.monotonic()
            page = site.page("lineage")
            check(f"2,000 models in one picture ({time.monotonic() - started:.1f} s with the start of the browser)", 'data-nodes="2001"' in page, page)
            page = site.page("search/model_19")
            check("search among 2,000 models", "100 results" in page and "and 40 more" in page, page)
            page = site.page("model/model.big.model_0000")
            function = site.page("function/function.big.to_euro")
            check("a function shows its arguments, what it returns and its overloads", all(part in function for part in ("in cents", "decimal(18,2)", "to_euro(amount varchar)", "Overloads")), function)
            check("texts stay texts", "<title>model_0000" in page and "<img src" not in page and "javascript:" not in re.sub(r"<script type=\"module\">[\s\S]*?</script>", "", page).replace("(javascript:", ""), page)
        finally:
            site.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--owlet", required=True)
    parser.add_argument("--chromium", required=True)
    parser.add_argument("--example", required=True, type=Path)
    args = parser.parse_args()
    owlet = os.path.abspath(args.owlet)
    example(owlet, args.chromium, args.example)
    large(owlet, args.chromium)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
