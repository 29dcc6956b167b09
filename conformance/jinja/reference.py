"""Fills in what the reference (dbt-core with Jinja2) answers in the case files of crates/jinja.

    python -m venv venv && venv/bin/pip install dbt-core==1.12.0 pytz
    venv/bin/python conformance/jinja/reference.py crates/jinja/tests/cases/*.case

Each case is run in dbt's own Jinja environment; its `expected` or `error` section is rewritten.
`differs` sections (what Owlet does instead, on purpose) are kept.
"""

import argparse
import datetime
import decimal
import json
import re
import sys

from dbt.context.base import BaseContext, get_context_modules
from dbt.flags import set_from_args
from dbt_common.clients import jinja as dbt_jinja

# Deprecation warnings (itertools) ask for flags.
set_from_args(argparse.Namespace(show_all_deprecations=False, warn_error=False, log_format="text"), {})


def hook(entry):
    if len(entry) == 1:
        (key, value), = entry.items()
        if key == "$decimal":
            return decimal.Decimal(value)
        if key == "$date":
            return datetime.date.fromisoformat(value)
        if key == "$datetime":
            return datetime.datetime.fromisoformat(value)
        if key == "$timedelta":
            return datetime.timedelta(seconds=value)
        if key == "$tuple":
            return tuple(value)
    return entry


class Macro:
    def __init__(self, name, text):
        self.name = name
        self.macro_sql = text
        self.resource_type = "macro"
        self.original_file_path = "macros/case.sql"


def add_macros(text, context):
    for block in dbt_jinja.extract_toplevel_blocks(text, {"macro", "test", "materialization"}, False):
        name = block.block_name
        if block.block_type_name == "test":
            name = "test_" + name
        if block.block_type_name == "materialization":
            found = re.search(r"adapter=['\"](\w+)", block.full_block)
            name = f"materialization_{name}_{found.group(1) if found else 'default'}"
        context[name] = dbt_jinja.CallableMacroGenerator(Macro(name, block.full_block), context)


def run(case):
    context = {}
    for name in ("return", "fromjson", "tojson", "set", "set_strict", "zip", "zip_strict", "diff_of_two_dicts"):
        function = getattr(BaseContext, "_return" if name == "return" else name, None)
        if function is None:
            function = getattr(BaseContext, "_" + name)
        context[name] = function
    context["modules"] = get_context_modules()
    context.update(json.loads(case.get("context") or "{}", object_hook=hook))
    mode = case.get("mode", "strict").strip()
    add_macros(case.get("macros", ""), context)
    native = mode.startswith("native")
    try:
        env = dbt_jinja.get_environment(None, capture_macros=mode.endswith("capture"), native=native)
        result = env.from_string(case["template"]).render(context)
        return ("expected", repr(result) if native else result)
    except Exception as error:  # noqa: BLE001
        message = getattr(error, "msg", None) or str(error)
        return ("error", str(message))


SECTIONS = ("template", "context", "macros", "mode", "expected", "error", "differs")


def read(text):
    cases, case, section = [], None, None
    for line in text.split("\n"):
        if line.startswith("=== "):
            case, section = {"name": line[4:], "template": []}, "template"
            cases.append(case)
        elif case is not None and line.startswith("--- ") and line[4:] in SECTIONS:
            section = line[4:]
            case[section] = []
        elif case is not None:
            case[section].append(line)
    for case in cases:
        for section in SECTIONS:
            if section in case:
                case[section] = "\n".join(case[section])
    return cases


def main(paths):
    for path in paths:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        head = text.split("=== ", 1)[0]
        out = [head.rstrip("\n"), ""] if head.strip() else []
        for case in read(text.rstrip("\n")):
            case.pop("expected", None)
            case.pop("error", None)
            kind, answer = run(case)
            case[kind] = answer
            out.append("=== " + case["name"])
            out.append(case["template"])
            for section in SECTIONS[1:]:
                if section in case:
                    out.append("--- " + section)
                    out.append(case[section])
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(out) + "\n")


main(sys.argv[1:])
