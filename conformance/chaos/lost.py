"""A query whose server is killed in its middle: it is stopped, its run is lost, the next attempt succeeds.

    lost.py OWLET [--lake OWLET]

Once the server alone dies and comes back (SQLite), once its whole host is gone, files and all, and another server has only the database
(Postgres). Each with a run that has a connection, and one that has the project's own profiles.yml.
"""

import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from project import environments, owlet, write_project
from world import Lake, Postgres, Server, Sqlite, wait_until

# The first attempt waits for ever; what follows has something better to do.
MODEL = """{% if env_var('OWLET_RUN_ATTEMPT') == '1' %}
select count(*) as n from unnest(sequence(1, 10000)) t(x), unnest(sequence(1, 10000)) u(y), unnest(sequence(1, 10000)) v(z) where x + y + z < 0
{% else %}
select 1 as n
{% endif %}
"""
SLUGS = ["connected", "profiled"]


def wait(holds, seconds, what):
    try:
        wait_until(holds, seconds, what)
    except SystemExit as error:
        raise AssertionError(error) from None


class Scenario:
    def __init__(self, name, program, folder, lake, host_is_lost):
        self.name, self.program, self.lake, self.host_is_lost = name, program, lake, host_is_lost
        self.folder = folder / name
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.project = self.folder / "project"
        target = write_project(self.project, lake.endpoint, {"models/slow.sql": MODEL}, schema=name)
        self.database = Postgres(self.folder) if host_is_lost else Sqlite(self.folder / "a" / "state" / "scheduler.db")
        self.first = Server("a", program, self.folder, self.project, self.database, 4)
        self.first.start()
        wait(self.first.answers, 60, "the start")
        environments(self.program, self.project, self.database, self.first, target)
        schedules = [
            {
                "name": slug,
                "slug": slug,
                "environment": slug,
                "schedule": "OFF",
                "commands": ["dbt show -s slow"],
                "retry": {"attempts": 1, "backoff_seconds": 1, "on": ["infrastructure"]},
            }
            for slug in SLUGS
        ]
        (self.project / "paradime_schedules.yml").write_text(json.dumps({"version": 1, "schedules": schedules}))
        owlet(self.program, self.project, "bolt", "deploy", "--yes", "--endpoint", self.first.endpoint)

    def running(self):
        rows = self.database.rows("SELECT query_execution_id FROM query_execution WHERE ended_at IS NULL")
        ids = [row["query_execution_id"] for row in rows]
        states = self.lake.executions() if len(ids) == len(SLUGS) else {}
        return ids if ids and all(states.get(query) == "RUNNING" for query in ids) else None

    def play(self):
        for slug in SLUGS:
            owlet(self.program, self.project, "bolt", "run", slug, "--endpoint", self.first.endpoint)
        wait(self.running, 90, f"{self.name}: two running queries")
        queries = self.running()
        began = time.monotonic()
        self.first.kill("host" if self.host_is_lost else "server")
        second = self.first
        if self.host_is_lost:
            shutil.rmtree(self.first.folder)
            second = Server("b", self.program, self.folder, self.project, self.database, 4)
        second.start()
        ended = "SELECT s.slug, r.attempt, r.state, r.error_class, r.state_reason FROM run r JOIN schedule s ON s.id = r.schedule_id ORDER BY r.attempt, s.slug"
        wait(lambda: [row["state"] for row in self.database.rows(ended)].count("SUCCESS") == 2, 120, f"{self.name}: two second attempts")
        rows = self.database.rows(ended)
        for row in rows[:2]:
            assert (row["attempt"], row["state"], row["error_class"]) == (1, "ERROR", "lost"), rows
        states = self.lake.executions()
        assert [states[query] for query in queries] == ["CANCELLED"] * 2, (rows, states)
        ledger = self.database.rows("SELECT state FROM query_execution WHERE ended_at IS NULL OR state = 'RUNNING'")
        assert not ledger, ledger
        if self.host_is_lost:
            for row in rows[:2]:
                assert "1 of its queries were still running and were stopped" in row["state_reason"], rows
        print(f"lost: {self.name}: queries cancelled, runs lost, second attempts succeeded {time.monotonic() - began:.0f} s after the kill")
        second.stop()

    def close(self, *servers):
        self.first.kill("host")
        if self.host_is_lost:
            self.database.stop("fast")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("owlet", type=Path)
    parser.add_argument("--lake", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="owlet-lost-"))
    folder.chmod(0o755)
    program = options.owlet.resolve()
    lake = Lake((options.lake or program).resolve(), folder)
    failures = []

    def run(name, host_is_lost):
        try:
            scenario = Scenario(name, program, folder, lake, host_is_lost)
            try:
                scenario.play()
            finally:
                scenario.close()
        except (Exception, SystemExit) as error:
            failures.append(f"{name}: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=run, args=(name, lost)) for name, lost in [("server", False), ("host", True)]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lake.stop()
    shutil.rmtree(folder, ignore_errors=True)
    for failure in failures:
        print(f"lost: FAILED: {failure}")
    sys.exit(1 if failures else 0)


main()
