"""A run that passes and one that fails, in the embedded lakehouse, told to a lineage and trace server of this script."""

import http.server
import importlib
import json
import os
import pkgutil
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import openlineage.client.generated as generated
from openlineage.client import event_v2
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\n",
    "seeds/raw_orders.csv": "id,amount\n1,10\n2,20\n",
    "models/orders.sql": "{{ config(materialized='table') }} select id, amount * 2 as doubled from {{ ref('cleaned') }}",
    "models/cleaned.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('raw_orders') }} where id is not null",
    "models/broken.sql": "select missing from {{ ref('raw_orders') }}",
    "models/models.yml": """models:
  - name: orders
    columns:
      - name: id
        description: of the order
        data_type: integer
        data_tests: [unique, {accepted_values: {values: [1], quote: false}}]
""",
    "paradime_schedules.yml": json.dumps({
        "version": 1,
        "schedules": [
            {"name": name, "slug": name, "environment": "production", "schedule": "OFF", "owner_email": "ann@acme.example", "description": f"It {name}.", "commands": commands}
            for name, commands in {"passes": ["dbt seed", "dbt run -s orders", "dbt test -s unique_orders_id"], "fails": ["dbt build"]}.items()
        ],
    }),
}


class Sink(http.server.ThreadingHTTPServer):
    """Keeps what is posted to it."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.posts = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/traces":
            assert self.headers["content-type"] == "application/x-protobuf", self.headers["content-type"]
            # Unknown fields would be kept, not refused: what is written again must be the same.
            request = ExportTraceServiceRequest.FromString(body)
            assert request.SerializeToString(deterministic=True) == body
            body = request
        else:
            body = json.loads(body)
        self.server.posts.append((self.path, dict(self.headers), body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def facet_classes():
    classes = {}
    for module in pkgutil.iter_modules(generated.__path__):
        for name, value in vars(importlib.import_module(f"openlineage.client.generated.{module.name}")).items():
            if isinstance(value, type) and hasattr(value, "_get_schema"):
                classes[name] = value
    return classes


CLASSES = facet_classes()


def facet(content):
    """A facet as the client's class; its own schema's address has to be what the event says."""
    members = dict(content)
    schema = members.pop("_schemaURL")
    producer = members.pop("_producer")
    name = schema.rsplit("/", 1)[1]
    made = CLASSES[name](**members, producer=producer)
    assert made._schemaURL == schema, (made._schemaURL, schema)
    return made


def facets(content):
    return {name: facet(value) for name, value in content.items()}


def read(event):
    """The event as the client's classes, which check ids, times and addresses."""
    dataset = lambda kind, given, own: kind(
        namespace=given["namespace"], name=given["name"], facets=facets(given.get("facets", {})), **{own: facets(given.get(own, {}))}
    )
    assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    return event_v2.RunEvent(
        eventTime=event["eventTime"],
        eventType=event_v2.RunState[event["eventType"]],
        producer=event["producer"],
        run=event_v2.Run(runId=event["run"]["runId"], facets=facets(event["run"]["facets"])),
        job=event_v2.Job(namespace=event["job"]["namespace"], name=event["job"]["name"], facets=facets(event["job"]["facets"])),
        inputs=[dataset(event_v2.InputDataset, given, "inputFacets") for given in event["inputs"]],
        outputs=[dataset(event_v2.OutputDataset, given, "outputFacets") for given in event["outputs"]],
    )


def validator(folder):
    """All schemas of the specification, by their `$id`."""
    from jsonschema import Draft202012Validator, FormatChecker
    from referencing import Registry, Resource

    schemas = [json.loads(file.read_text()) for file in [folder / "OpenLineage.json", *sorted((folder / "facets").glob("*.json"))]]
    registry = Registry().with_resources([(schema["$id"], Resource.from_contents(schema)) for schema in schemas])

    def validate(schema, content):
        Draft202012Validator({"$ref": schema}, registry=registry, format_checker=FormatChecker()).validate(content)

    return validate


def check_schemas(folder, events):
    validate, count = validator(folder), 0
    for event in events:
        validate(event["schemaURL"], event)
        places = [event["run"]["facets"], event["job"]["facets"]]
        for dataset in event["inputs"] + event["outputs"]:
            places += [dataset.get("facets", {}), dataset.get("inputFacets", {})]
        for content in [content for place in places for content in place.values()]:
            validate(content["_schemaURL"], content)
            count += 1
    return count


def names(event, key):
    return [dataset["name"].split(".", 1)[1] for dataset in event[key]]


def check_story(events):
    """Every run begins and ends once; children name their parents; datasets are what the project says."""
    kinds = {}
    for event in events:
        kinds.setdefault((event["run"]["runId"], event["job"]["name"]), []).append(event["eventType"])
    assert all(kind[0] == "START" and len(kind) == 2 and kind[1] in ("COMPLETE", "FAIL") for kind in kinds.values()), kinds
    for event in events:
        if parent := event["run"]["facets"].get("parent"):
            assert (parent["run"]["runId"], parent["job"]["name"]) in kinds, event
            assert (parent["root"]["run"]["runId"], parent["root"]["job"]["name"]) in kinds, event
        assert all(re.fullmatch(r"awsathena://athena\.[a-z0-9-]+\.amazonaws\.com", dataset["namespace"]) for dataset in event["inputs"] + event["outputs"])
    end = lambda job, kind: [event for event in events if event["job"]["name"] == job and event["eventType"] == kind]
    assert len(end("passes", "COMPLETE")) == 1 and len(end("fails", "FAIL")) == 1
    made = end("model.shop.orders", "COMPLETE")[0]
    schema = made["outputs"][0]["name"].split(".")[1]
    assert names(made, "inputs") == [f"{schema}.raw_orders"] and names(made, "outputs") == [f"{schema}.orders"], made
    assert {"sql", "jobType"} <= made["job"]["facets"].keys() and {"parent", "externalQuery"} <= made["run"]["facets"].keys(), made
    assert made["outputs"][0]["facets"]["schema"]["fields"][0] == {"name": "id", "type": "integer", "description": "of the order"}, made
    assert "missing" in end("model.shop.broken", "FAIL")[0]["run"]["facets"]["errorMessage"]["message"]
    tests = [event["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"][0] for event in events if event["job"]["name"].startswith("test.") and event["eventType"] == "COMPLETE"]
    assert {(test["assertion"], test["success"], test["column"]) for test in tests} == {("unique", True, "id"), ("accepted_values", False, "id")}, tests
    return len(kinds)


def check_traces(posts):
    resources = [resource for _, _, body in posts for resource in body.resource_spans]
    assert all({pair.key: pair.value.string_value for pair in resource.resource.attributes}["service.name"] == "owlet" for resource in resources)
    everything = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    assert all(len(span.trace_id) == 16 and len(span.span_id) == 8 and 0 < span.start_time_unix_nano <= span.end_time_unix_nano for span in everything)
    requests = [span for span in everything if span.kind == Span.SPAN_KIND_SERVER]
    assert not any("readyz" in span.name for span in requests)
    spans = [span for span in everything if span.kind == Span.SPAN_KIND_INTERNAL]
    by_id = {span.span_id: span for span in spans}
    assert len(by_id) == len(spans) and all(span.parent_span_id in by_id or span.name.startswith("run ") for span in spans)
    assert any(pair.key == "aws.athena.query_execution_id" for span in spans for pair in span.attributes)
    assert {span.name: span.status.code for span in spans if not span.parent_span_id} == {"run passes": Status.STATUS_CODE_OK, "run fails": Status.STATUS_CODE_ERROR}
    return len(spans), len(requests)


def main():
    program = Path(sys.argv[1])
    folder = Path(tempfile.mkdtemp(prefix="owlet-openlineage-"))
    sink = Sink()
    address = f"http://127.0.0.1:{sink.server_address[1]}"
    for name, text in FILES.items():
        (folder / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "shop" / name).write_text(text)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "OPENLINEAGE_URL": address, "OPENLINEAGE_API_KEY": "a key", "OPENLINEAGE_NAMESPACE": "acme"}
    environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_EXPORTER_OTLP_HEADERS": "x-team=the%20lake"}
    words = [program, "up", "--listen", f"127.0.0.1:{port}", "--lake-listen", "127.0.0.1:0"]
    log = open(folder / "log", "w")
    server = subprocess.Popen(words, cwd=folder / "shop", env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    is_done = False
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{endpoint}/readyz", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < deadline and server.poll() is None, "the server does not start"
                time.sleep(0.2)
        call = lambda *words: subprocess.run([program, *words, "--endpoint", endpoint], cwd=folder / "shop", capture_output=True, text=True)
        call("bolt", "deploy", "--yes")
        passed, failed = call("bolt", "run", "passes", "--wait"), call("bolt", "run", "fails", "--wait")
        assert (passed.returncode, failed.returncode) == (0, 1), (passed, failed)
        ends = lambda: [body for path, _, body in sink.posts if path != "/v1/traces" and body.get("job", {}).get("name") in ("passes", "fails") and body["eventType"] != "START"]
        traces = lambda: [post for post in sink.posts if post[0] == "/v1/traces"]
        # Of each run, and of the requests.
        roots = lambda: {span.name for _, _, body in traces() for resource in body.resource_spans for scope in resource.scope_spans for span in scope.spans if not span.parent_span_id}
        while len(ends()) < 2 or not {"run passes", "run fails", "POST /api/v1/schedules/{slug}/runs", "POST /api/v1/deployments"} <= roots():
            assert time.monotonic() < deadline + 120, "not everything is told"
            time.sleep(0.2)
        told = [post for post in sink.posts if post[0] == "/api/v1/lineage"]
        assert all(headers["authorization"] == "Bearer a key" for _, headers, _ in told)
        assert all(headers["x-team"] == "the lake" for _, headers, _ in traces())
        events = [body for _, _, body in told]
        for event in events:
            read(event)
        print(f"{len(events)} events are the classes of openlineage-python, facets of its versions")
        if len(sys.argv) > 2:
            print(f"{len(events)} events and {check_schemas(Path(sys.argv[2]), events)} facets are valid by the specification's JSON schemas")
        print(f"{check_story(events)} runs of jobs, each with begin, end and parent")
        spans, requests = check_traces(traces())
        print(f"{spans} spans in 2 traces of runs and {requests} of requests are the messages of opentelemetry-proto")
        is_done = True
    finally:
        server.terminate()
        server.wait()
        sink.shutdown()
        if not is_done:
            print((folder / "log").read_text()[-4000:], file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)


main()
