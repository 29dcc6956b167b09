"""Selections for `ls`, made from what a manifest holds: every method, the graph operators, unions, intersections, exclusions.

The same manifest gives the same selections.
"""

import random

INDIRECT = ["eager", "cautious", "buildable", "empty"]
RESOURCE_TYPES = ["model", "test", "source", "seed", "snapshot", "exposure", "unit_test", "metric", "semantic_model", "saved_query"]


def selections(manifest: dict, count: int) -> list[list[str]]:
    """`count` argument lists for `ls`."""
    dice = random.Random(manifest["metadata"]["project_name"])
    criteria = criteria_of(manifest, dice)
    made = [[], ["--output", "name"], ["--output", "path"]]
    # Each method once by itself, then everything mixed.
    made += [["--select", values[0]] for values in criteria.values()]
    every = [value for values in criteria.values() for value in values]

    def one() -> str:
        method = dice.choice(list(criteria))
        return operators(dice, dice.choice(criteria[method]))

    while every and len(made) < count:
        arguments = []
        if dice.random() < 0.9:
            arguments += ["--select", *(term(dice, one) for _ in range(dice.choice([1, 1, 2, 3])))]
        if dice.random() < 0.35 or not arguments:
            arguments += ["--exclude", *(term(dice, one) for _ in range(dice.choice([1, 1, 2])))]
        if dice.random() < 0.25:
            arguments += ["--indirect-selection", dice.choice(INDIRECT)]
        if dice.random() < 0.25:
            arguments += ["--resource-type", *dice.sample(RESOURCE_TYPES, dice.choice([1, 2]))]
        elif dice.random() < 0.15:
            arguments += ["--exclude-resource-type", *dice.sample(RESOURCE_TYPES, dice.choice([1, 2]))]
        made.append(arguments)
    return made[:count]


def term(dice, one) -> str:
    return ",".join(one() for _ in range(dice.choice([1, 1, 1, 2, 2, 3])))


def operators(dice, criterion: str) -> str:
    before = dice.choice(["", "", "", "+", "1+", "2+", "@"])
    after = "" if before == "@" else dice.choice(["", "", "", "+", "+1", "+2"])
    return f"{before}{criterion}{after}"


def criteria_of(manifest: dict, dice) -> dict[str, list[str]]:
    """Method → criteria of that method which find something, or nearly."""
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] not in ("operation", "sql_operation")]
    found: dict[str, list[str]] = {}

    def add(method: str, value) -> None:
        values = found.setdefault(method, [])
        if value not in values and " " not in value and "," not in value:
            values.append(value)

    for node in dice.sample(nodes, min(len(nodes), 60)):
        fqn, path = node["fqn"], node["original_file_path"]
        add("name", node["name"])
        add("fqn", ".".join(fqn[: dice.randint(1, len(fqn))]))
        add("fqn:", "fqn:" + ".".join(fqn))
        add("glob", "*" + node["name"][len(node["name"]) // 2 :])
        add("path", f"path:{path}")
        add("directory", "path:" + path.rsplit("/", 1)[0])
        add("path glob", "path:" + path.rsplit("/", 1)[0] + "/*" + path[-5:])
        add("file", "file:" + path.rsplit("/", 1)[-1])
        add("package", "package:" + node["package_name"])
        add("resource_type", "resource_type:" + node["resource_type"])
        for tag in node["tags"]:
            add("tag", f"tag:{tag}")
        add("config", f"config.materialized:{node['config'].get('materialized')}")
        for key in ("schema", "severity", "enabled", "unique_key", "incremental_strategy", "on_schema_change", "access", "group"):
            value = node["config"].get(key)
            if isinstance(value, (str, bool)):
                add("config", f"config.{key}:{str(value).lower() if isinstance(value, bool) else value}")
        for key, value in (node["config"].get("meta") or {}).items():
            if isinstance(value, str):
                add("config.meta", f"config.meta.{key}:{value}")
        if node.get("access"):
            add("access", "access:" + node["access"])
        if node.get("group"):
            add("group", "group:" + node["group"])
        if node.get("version") is not None:
            for which in ("latest", "prerelease", "old", "none"):
                add("version", f"version:{which}")
            add("versioned name", f"{node['name']}.v{node['version']}")
        if node["resource_type"] == "test":
            for kind in ("generic", "singular", "data", "unit"):
                add("test_type", f"test_type:{kind}")
            if node.get("test_metadata"):
                add("test_name", "test_name:" + node["test_metadata"]["name"])
    sources = list(manifest["sources"].values())
    for source in dice.sample(sources, min(len(sources), 15)):
        add("source", f"source:{source['source_name']}")
        add("source table", f"source:{source['source_name']}.{source['name']}")
        add("source package", f"source:{source['package_name']}.{source['source_name']}.*")
    for section, method in (("exposures", "exposure"), ("metrics", "metric"), ("semantic_models", "semantic_model"), ("saved_queries", "saved_query"), ("unit_tests", "unit_test")):
        for resource in list(manifest.get(section, {}).values())[:8]:
            add(method, f"{method}:{resource['name']}")
            add(method, f"{method}:*")
    return {method: values for method, values in found.items() if values}
