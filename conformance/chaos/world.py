"""What the test breaks: a database, servers with a clock of their own, a lakehouse, a receiver of notifications."""

import http.server
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from project import KEY


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(holds, seconds, what):
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise SystemExit(f"chaos: {what} did not happen within {seconds} s")
        time.sleep(0.05)


class Postgres:
    """A cluster of its own; `stop` breaks its connections as a crash does."""

    def __init__(self, folder):
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
        found = versions[-1] if versions else shutil.which("initdb")
        if not found:
            raise SystemExit("chaos: Postgres is not installed")
        self.programs, self.folder, self.port = Path(found).parent, folder / "postgres", free_port()
        self.folder.mkdir()
        self.user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if self.user:
            shutil.chown(self.folder, "postgres")
        self.call("initdb", "--username=owlet", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "-D", self.folder / "data")
        self.start()
        self.call("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "owlet", "chaos")
        self.url = f"postgres://owlet@127.0.0.1:{self.port}/chaos"

    def call(self, program, *arguments):
        subprocess.run([*self.user, self.programs / program, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def start(self):
        options = f"-k {self.folder} -h 127.0.0.1 -p {self.port} -F -c max_connections=200"
        self.call("pg_ctl", "-D", self.folder / "data", "-l", self.folder / "log", "-w", "-o", options, "start")

    def stop(self, mode="immediate"):
        self.call("pg_ctl", "-D", self.folder / "data", "-m", mode, "-w", "stop")

    def rows(self, sql):
        line = f"SELECT coalesce(json_agg(t), '[]') FROM ({sql}) t"
        done = subprocess.run([self.programs / "psql", "-At", self.url, "-c", line], check=True, capture_output=True, text=True)
        return json.loads(done.stdout)


class Sqlite:
    """The file that the server makes."""

    url = None

    def __init__(self, file):
        self.file = file

    def rows(self, sql):
        with sqlite3.connect(self.file, timeout=30) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql)]


def faketime_library():
    """libfaketime, if it is installed."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return str(found[0]) if found else None


def below(pid):
    """All processes that came of one, itself first."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def is_supervisor(pid):
    try:
        return b"exec-supervised" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def kill(pid, how=signal.SIGKILL):
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        pass


class Server:
    """`owlet up`, whose wall clock can be stepped: libfaketime leaves its monotonic clock, and its commands' clocks, alone."""

    def __init__(self, name, owlet, folder, project, database, runs):
        self.name, self.owlet, self.database, self.runs = name, owlet, database, runs
        self.folder, self.project = folder / name, project
        self.folder.mkdir()
        self.offset, self.process = 0, None
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def step(self, seconds):
        self.offset += seconds
        new = self.folder / "offset.new"
        new.write_text(f"{self.offset:+d}\n")
        new.rename(self.folder / "offset")

    def start(self):
        arguments = [self.owlet, "up", "--dir", self.folder / "state", "--listen", f"127.0.0.1:{self.port}", "--lake-listen", "127.0.0.1:0"]
        arguments += ["--no-deploy", "--max-runs", str(self.runs)]
        environment = {**os.environ, "OWLET_SECRET_KEY": KEY}
        if self.database.url:
            arguments += ["--database-url", self.database.url]
        if library := faketime_library():
            self.step(0)
            environment |= {
                "LD_PRELOAD": library,
                "FAKETIME_TIMESTAMP_FILE": str(self.folder / "offset"),
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_CACHE_DURATION": "1",
            }
        log = open(self.folder / "log", "a")
        self.process = subprocess.Popen(arguments, cwd=self.project, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def answers(self):
        try:
            urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=5).close()
            return True
        except OSError as error:
            return getattr(error, "code", None) is not None

    def kill(self, reach):
        """`server` alone; with its `supervisors`, which leaves commands behind; the whole `host`."""
        if not self.is_up():
            return
        # Stopped first: nobody sees the other die.
        all_of_it = below(self.process.pid)
        victims = {"server": all_of_it[:1], "supervisors": all_of_it[:1] + [pid for pid in all_of_it[1:] if is_supervisor(pid)], "host": all_of_it}
        for pid in victims[reach]:
            kill(pid, signal.SIGSTOP)
        for pid in victims[reach]:
            kill(pid)
        self.process.wait()

    def stop(self, seconds=90):
        if self.is_up():
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                kill(self.process.pid)
                raise SystemExit(f"chaos: {self.name} did not stop within {seconds} s")


class Lake:
    """`owlet lake serve`, which nobody kills: what runs in it is what the servers left."""

    def __init__(self, owlet, folder):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        log = open(folder / "lake.log", "a")
        arguments = [owlet, "lake", "serve", "--listen", f"127.0.0.1:{self.port}", "--dir", folder / "lake"]
        self.process = subprocess.Popen(arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.answers, 30, "the lakehouse's start")

    def answers(self):
        try:
            self.call("ListWorkGroups", {})
            return True
        except OSError:
            return False

    def call(self, operation, body):
        headers = {
            "X-Amz-Target": f"AmazonAthena.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": "AWS4-HMAC-SHA256 Credential=owlet/20260101/eu-west-1/athena/aws4_request, SignedHeaders=host, Signature=0",
        }
        request = urllib.request.Request(self.endpoint, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def executions(self):
        """Id and state of every query that was ever started."""
        ids, token = [], {}
        while True:
            page = self.call("ListQueryExecutions", token)
            ids += page["QueryExecutionIds"]
            if not page.get("NextToken"):
                break
            token = {"NextToken": page["NextToken"]}
        states = {}
        for start in range(0, len(ids), 50):
            for execution in self.call("BatchGetQueryExecution", {"QueryExecutionIds": ids[start : start + 50]})["QueryExecutions"]:
                states[execution["QueryExecutionId"]] = execution["Status"]["State"]
        return states

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


class Receiver:
    """Takes notifications; some it refuses, some it takes and answers late."""

    def __init__(self, seed):
        self.taken, self.refused, self.dice, self.lock = [], 0, random.Random(seed), threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with receiver.lock:
                    chance = receiver.dice.random()
                    if chance < 0.1:
                        receiver.refused += 1
                    else:
                        receiver.taken.append((self.headers["webhook-id"], body))
                if 0.1 <= chance < 0.15:
                    time.sleep(2)
                try:
                    self.send_response(503 if chance < 0.1 else 204)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass  # The server died while it was told.

            def log_message(self, *_):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

        self.server = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
