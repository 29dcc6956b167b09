"""Recorded facts: eight hex digits for every resource (its id and all members) and every compiled text that dbt Core gave a public project.

Nothing of a project is in them. Two manifests have the same digits where they have the same resources; times and places do not count.
"""

import hashlib
import json

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
