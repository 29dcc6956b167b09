"""The example on a schedule, every minute, and what its user sees while things go wrong. Takes a quarter of an hour; by hand.

    watch.py OWLET

`owlet up` in a copy of `examples/flights`, whose connection leads to its own lakehouse through a proxy. Of some twelve runs one has a broken model, two
find Athena throttled (every second call, then every call for half a minute), one loses its server. What people were told is printed, and judged.
"""

import http.client
import http.server
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "chaos"))
from project import owlet  # noqa: E402
from world import Receiver, Sqlite, free_port, wait_until  # noqa: E402

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "flights"
SLUG = "flights-minutely"
RUNS = "SELECT id, attempt, state, state_reason, error_class, slot_id, started_at, ended_at, retry_of_run_id FROM run ORDER BY id"
# For anything that is waited for, in seconds: on a busy machine a run takes minutes.
LONG = 1200
FINAL = ("SUCCESS", "FAILED", "ERROR", "CANCELED", "SKIPPED")


class Throttle:
    """Before the lakehouse: refuses a part of the calls to Athena as AWS does."""

    def __init__(self, port):
        self.part, self.refused, self.passed, self.dice = 0.0, 0, 0, random.Random(1)
        throttle = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("X-Amz-Target", "").startswith("AmazonAthena.") and throttle.dice.random() < throttle.part:
                    throttle.refused += 1
                    error = b'{"__type":"ThrottlingException","message":"Rate exceeded"}'
                    self.reply(400, [("Content-Type", "application/x-amz-json-1.1")], error)
                    return
                throttle.passed += 1
                try:
                    lakehouse = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
                    lakehouse.request(self.command, self.path, body, dict(self.headers))
                    answer = lakehouse.getresponse()
                    headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in ("transfer-encoding", "content-length", "connection")]
                    if self.command == "HEAD":
                        headers.append(("Content-Length", answer.getheader("Content-Length", "0")))
                    self.reply(answer.status, headers, answer.read())
                    lakehouse.close()
                except OSError:
                    self.close_connection = True

            def reply(self, status, headers, body):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                if self.command != "HEAD":
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else body)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

            def log_message(self, *_):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self.server = Listener(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Watch:
    def __init__(self, program, folder):
        self.program, self.project, self.state = program, folder / "flights", folder / "state"
        shutil.copytree(EXAMPLE, self.project, ignore=shutil.ignore_patterns(".owlet", "target", "logs", "dbt_packages"))
        self.lake_port, self.port, self.log = free_port(), free_port(), folder / "up.log"
        self.throttle, self.receiver, self.process = Throttle(self.lake_port), Receiver(2), None
        self.database, self.began, self.failures = Sqlite(self.state / "scheduler.db"), time.monotonic(), []
        schedule = {
            "name": "Flights",
            "slug": SLUG,
            "environment": "production",
            "schedule": "* * * * *",
            "commands": ["dbt build"],
            "overlap_policy": "skip",
            "retry": {"attempts": 1, "backoff_seconds": 2, "on": ["infrastructure", "throttling"]},
            "notifications": {"webhooks": [{"channel": self.receiver.url, "events": ["passed", "failed", "skipped"]}]},
        }
        (self.project / "paradime_schedules.yml").write_text(json.dumps({"version": 1, "schedules": [schedule]}))

    def say(self, text):
        print(f"flights: {time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def settings(self):
        keys = {
            "region_name": "eu-west-1",
            "database": "awsdatacatalog",
            "schema": "watched",
            "endpoint_url": self.throttle.endpoint,
            "s3_staging_dir": "s3://results/watched/",
            "aws_access_key_id": "owlet",
        }
        state = ["--dir", self.state]
        words = [f"{key}={value}" for key, value in keys.items()]
        owlet(self.program, self.project, "connection", "add", "lake", *words, "--secret", "aws_secret_access_key", *state, stdin="hush-of-the-watch")
        owlet(self.program, self.project, "environment", "set", "production", "--path", self.project, "--connection", "lake", "--target-name", "prod", *state)

    def start(self):
        listen = ["--listen", f"127.0.0.1:{self.port}", "--lake-listen", f"127.0.0.1:{self.lake_port}"]
        key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
        log = open(self.log, "a")
        self.process = subprocess.Popen(
            [self.program, "up", "--dir", self.state, *listen],
            cwd=self.project,
            env={**os.environ, "OWLET_SECRET_KEY": key},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    def runs(self):
        return self.database.rows(RUNS)

    def ended(self):
        return [run for run in self.runs() if run["state"] in FINAL]

    def succeeded_after(self, count, seconds, what):
        """Waits until a run that began after `count` runs were there has succeeded."""
        wait_until(lambda: any(run["state"] == "SUCCESS" for run in self.runs()[count:]), seconds, what)

    def judge(self, holds, what):
        print(f"flights: {'holds' if holds else 'FAILED'}: {what}")
        if not holds:
            self.failures.append(what)

    def play(self):
        self.settings()
        self.start()
        self.say("owlet up; the schedule says every minute")
        wait_until(lambda: len(self.ended()) >= 2, LONG, "two runs")
        self.say("a column of mart_routes is misspelt")
        model = next(self.project.glob("models/**/mart_routes.sql"))
        good = model.read_text()
        model.write_text(good + "\nwhere no_such_column = 1\n")
        broken = len(self.runs())
        wait_until(lambda: any(run["state"] == "FAILED" for run in self.runs()[broken:]), LONG, "a failed run")
        failed = next(run for run in self.runs()[broken:] if run["state"] == "FAILED")
        model.write_text(good)
        self.say("mended")
        before = len(self.runs())
        self.succeeded_after(before, LONG, "a good run after the broken one")
        self.throttle.part, before = 0.5, len(self.runs())
        self.say("Athena refuses every second call: Rate exceeded")
        self.succeeded_after(before, LONG, "a good run under throttling")
        refused = self.throttle.refused
        self.say(f"{refused} calls were refused; now it refuses every call for half a minute of a run")
        before = len(self.runs())
        self.throttle.part = 0.0
        wait_until(lambda: any(run["state"] == "RUNNING" for run in self.runs()[before:]), LONG, "a run to throttle")
        self.throttle.part = 1.0
        time.sleep(30)
        self.throttle.part = 0.0
        self.say(f"{self.throttle.refused - refused} more calls were refused; it takes all again")
        wait_until(lambda: all(run["state"] in FINAL for run in self.runs()[before : before + 1]), LONG, "the end of the throttled run")
        stormy = self.runs()[before]
        before = len(self.runs())
        wait_until(lambda: any(run["state"] == "RUNNING" for run in self.runs()[before:]), LONG, "a run to kill")
        time.sleep(4)
        lost = next(run for run in self.runs()[before:] if run["state"] == "RUNNING")
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.say("kill -9 of the server in the middle of a run; started again 5 s later")
        time.sleep(5)
        self.start()
        self.succeeded_after(before + 1, LONG, "a good run after the kill")
        wait_until(lambda: len({run["slot_id"] for run in self.ended()}) >= 10, LONG, "ten slots")
        self.say("ten slots are done")
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)
        self.tell(failed["id"], stormy["id"], lost["id"])

    def tell(self, failed, stormy, lost):
        runs = {run["id"]: run for run in self.runs()}
        for run in runs.values():
            seconds = f"{(run['ended_at'] - run['started_at']) / 1e6:5.1f} s" if run["ended_at"] and run["started_at"] else "   -   "
            mark = {failed: "broken model", stormy: "all throttled", lost: "server killed"}.get(run["id"], "")
            print(f"flights: run {run['id']}: attempt {run['attempt']} {run['state']:8} {seconds} {mark:14} {run['state_reason'] or ''}")
        taken = {}
        for key, body in self.receiver.taken:
            taken.setdefault(key, body)
        for body in taken.values():
            print("flights: message:", json.dumps(body)[:600])
        slots = self.database.rows("SELECT planned_at, decision, reason, run_id FROM slot ORDER BY id")
        for slot in slots:
            print("flights: slot", slot)
        self.judge(len({slot["planned_at"] for slot in slots}) == len(slots), "one decision per slot")
        self.judge(runs[failed]["state"] == "FAILED", "the broken model fails its run")
        texts = [json.dumps(body) for body in taken.values()]
        self.judge(any("mart_routes" in text for text in texts), "the message names the model")
        self.judge(runs[stormy]["state"] == "SUCCESS", "half a minute of throttling is waited out")
        self.judge(runs[lost]["state"] == "ERROR" and runs[lost]["error_class"] == "lost", "the killed run is told as lost")
        again = [run for run in runs.values() if run["retry_of_run_id"] == lost and run["state"] == "SUCCESS"]
        self.judge(len(again) == 1, "its second attempt succeeds")
        rest = [run for run in runs.values() if run["id"] not in (failed, lost) and run["state"] not in ("SUCCESS", "SKIPPED", "CANCELED")]
        self.judge(not rest, f"everything else is well {rest or ''}")


def main():
    folder = Path(tempfile.mkdtemp(prefix="owlet-flights-"))
    watch = Watch(Path(sys.argv[1]).resolve(), folder)
    try:
        watch.play()
    finally:
        if watch.process and watch.process.poll() is None:
            watch.process.terminate()
            watch.process.wait(120)
    if watch.failures:
        sys.exit(1)
    shutil.rmtree(folder)


main()
