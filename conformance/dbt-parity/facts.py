"""Recorded facts: eight hex digits for every resource (its id and all members) and every compiled text that dbt Core gave a public project.

Nothing of a project is in them. Two manifests have the same digits where they have the same resources; times and places do not count.
"""

import hashlib
import json
from collections import Counter

INTERNAL_PACKAGES = {"dbt", "dbt_duckdb", "dbt_athena"}
NO_SECTIONS = {"metadata", "parent_map", "child_map", "group_map"}
IGNORED = {"created_at", "root_path"}


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def timeless(value):
    if isinstance(value, dict):
        return {key: timeless(inner) for key, inner in value.items() if key not in IGNORED}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


def of_resource(section: str, unique_id: str, resource) -> str:
    return digest(section, unique_id, json.dumps(timeless(resource), sort_keys=True))


def of_code(unique_id: str, code: str) -> str:
    return digest("compiled", unique_id, code)


def of_order(manifest: dict) -> set[str]:
    """The resources that name something of which several packages have one: which of them dbt took the file system's order may have decided."""
    root = manifest["metadata"]["project_name"]
    having = Counter()
    for section in ("macros", "docs", "sources"):
        for unique_id in manifest.get(section) or {}:
            kind, package, name = unique_id.split(".", 2)
            if package != root and package not in INTERNAL_PACKAGES:
                having[kind, name] += 1

    def is_shared(unique_id: str, own: str) -> bool:
        kind, _, rest = str(unique_id).partition(".")
        package, _, name = rest.partition(".")
        return package not in (root, own) and having[kind, name] > 1

    found = set()
    for section, resources in manifest.items():
        for unique_id, resource in resources.items() if section not in NO_SECTIONS and isinstance(resources, dict) else ():
            for one in resource if isinstance(resource, list) else [resource]:
                if not isinstance(one, dict):
                    continue
                depends_on = one.get("depends_on") or {}
                columns = one.get("columns") or {}
                described = [one, *(columns.values() if isinstance(columns, dict) else columns)]
                named = [*depends_on.get("macros", []), *depends_on.get("nodes", []), *(block for each in described for block in each.get("doc_blocks") or [])]
                if any(is_shared(name, one.get("package_name")) for name in named):
                    found.add(unique_id)
    return found


def write(path, facts: dict) -> None:
    """One line for each member, so that a change of a few facts is a change of few lines."""
    facts = {**facts, "resources": lines(facts["resources"]), "compiled": lines(facts["compiled"])}
    path.write_text(json.dumps(facts, indent=1) + "\n")


def lines(digests) -> list[str]:
    digests = sorted(digests)
    return [" ".join(digests[at : at + 16]) for at in range(0, len(digests), 16)]


def read(path) -> dict:
    facts = json.loads(path.read_text())
    return {**facts, "resources": set(" ".join(facts["resources"]).split()), "compiled": set(" ".join(facts["compiled"]).split())}
