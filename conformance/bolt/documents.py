"""Every GraphQL document in the installed clients is valid against the schema that the server has."""

import ast
import importlib.util
import json
import pathlib
import re
import sys
import urllib.request

from graphql import build_client_schema, get_introspection_query, parse, validate

DOCUMENT = re.compile(r"\s*(query|mutation)\b[^{]*\{")


def documents(package):
    """(place, text) of the documents that stand in a package's source."""
    root = pathlib.Path(importlib.util.find_spec(package).origin).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and DOCUMENT.match(node.value):
                yield f"{path.relative_to(root.parent)}:{node.lineno}", node.value


def made_documents():
    """(place, text) of the documents that the SDK puts together from parts: with every part, and with none."""
    from paradime.apis.dinoai_agents.client import DinoaiAgentsClient

    class Recorder:
        def __init__(self):
            self.seen = []

        def _call_gql(self, query, variables=None):
            self.seen.append(query)
            raise LookupError

    recorder = Recorder()
    client = DinoaiAgentsClient(client=recorder)
    calls = [
        lambda: client.trigger_run(message="hi"),
        lambda: client.trigger_run(message="hi", model_family="large"),
        lambda: client.get_run(agent_session_id="session"),
        lambda: client.get_run(agent_session_id="session", include_steps=True, include_tool_io=True, steps_after=1, max_chars=10),
    ]
    for call in calls:
        try:
            call()
        except LookupError:
            pass
    return [("made by the SDK", text) for text in recorder.seen]


def introspected(endpoint, token):
    request = urllib.request.Request(
        endpoint,
        json.dumps({"query": get_introspection_query(), "variables": {}}).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request) as answer:
        return build_client_schema(json.load(answer)["data"])


def main(endpoint, token, packages):
    schema = introspected(endpoint, token)
    found = [document for package in packages for document in documents(package)] + made_documents()
    mistakes = [f"{place}: {mistake.message}" for place, text in found for mistake in validate(schema, parse(text))]
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    print(f"{len(found)} documents, {len(mistakes)} mistakes")
    assert len(found) > 40, "the clients' documents were not found"
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
