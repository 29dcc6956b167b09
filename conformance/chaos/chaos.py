"""Schedules on servers that are killed, paused and misled, over a database that is restarted: do the scheduler's promises hold?

    chaos.py OWLET [--seed N] [--seconds S] [--schedules N] [--database postgres|sqlite] [--lake OWLET] [--keep]

Real processes: `owlet up` (two over Postgres, one on SQLite), its workers and their commands, an `owlet lake serve` that lives on, a receiver of
notifications. The seed decides what happens to whom and when; it is printed. What must hold at the end is in checks.py.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from checks import Checks
from project import environments, owlet, write_project
from world import Lake, Postgres, Receiver, Server, Sqlite, faketime_library, kill, below, wait_until

HERE = Path(__file__).parent
SLOW = """with t as (select x from unnest(sequence(1, 10000)) u(x))
select count(*) as n from t a join t b on a.x % PARTS = b.x % PARTS where a.x * b.x % 7 = 1 and {{ var('by', 0) }} >= 0
"""


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("owlet", type=Path)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--seconds", type=int, default=600, help="how long things break")
    parser.add_argument("--schedules", type=int, default=200)
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--runs", type=int, default=8, help="runs of a server at once")
    parser.add_argument("--pairs", type=int, default=20, help="how heavy the slow queries are: millions of pairs that they join")
    parser.add_argument("--lake", type=Path, help="the program that serves the lakehouse, if the other cannot")
    parser.add_argument("--keep", action="store_true", help="leave the folder")
    return parser.parse_args()


def odd_schedule(number, dice, folder, hook, options):
    """Short crons, commands that take their time, every policy."""
    every = dice.choice([2, 3, 5, 5, 10] if options.schedules > 50 else [1, 1, 2, 3])
    overlap = dice.choice(["skip", "skip", "skip", "skip", "queue_one", "allow"])
    schedule = {
        "name": f"Chaos {number}",
        "slug": f"chaos-{number}",
        "environment": dice.choice(["connected", "profiled"]),
        "schedule": f"*/{every} * * * *",
        "overlap_policy": overlap,
        "misfire_policy": dice.choice(["latest", "latest", "latest", "latest", "all", "none"]),
        "retry": {"attempts": dice.choice([0, 2, 4]), "backoff_seconds": 1, "max_backoff_seconds": 4, "on": ["infrastructure", "throttling"]},
        "notifications": {"webhooks": [{"channel": hook, "events": ["passed", "failed", "skipped", "sla"]}]},
    }
    seconds, code = round(dice.choice([dice.uniform(0.2, 3), dice.uniform(0.2, 3), dice.uniform(5, 30)]), 1), dice.choice([0, 0, 0, 0, 3])
    mark = f"{sys.executable} -S {HERE / 'mark.py'} {folder} {seconds} {'SHARED' if overlap == 'allow' else 'ALONE'} {code}"
    schedule["commands"] = [mark]
    if number % 4 == 0:
        schedule["commands"].append(f"dbt show -s slow --vars '{{by: {number}}}'")
    if number % 8 == 0:
        schedule["commands"].append("dbt run -s built")
    return schedule


class Chaos:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.dice = random.Random(options.seed)
        self.project = folder / "project"
        self.counts, self.failures = {}, []
        self.locks = folder / "locks"
        self.locks.mkdir()
        self.receiver = Receiver(options.seed + 1)
        self.lake = Lake(options.lake or options.owlet, folder)
        models = {
            "models/slow.sql": SLOW.replace("PARTS", str(max(1, 100 // options.pairs))),
            "models/built.sql": "{{ config(materialized='table', alias=env_var('OWLET_SCHEDULE') | replace('-', '_')) }}\nselect 1 as x\n",
        }
        self.target = write_project(self.project, self.lake.endpoint, models)
        if options.database == "postgres":
            self.database = Postgres(folder)
        names = ["a", "b"] if options.database == "postgres" else ["a"]
        if options.database == "sqlite":
            self.database = Sqlite(folder / "a" / "state" / "scheduler.db")
        self.servers = [Server(name, options.owlet, folder, self.project, self.database, options.runs) for name in names]

    def set_up(self):
        """Two environments: one reaches the lakehouse by a connection, the other by the project's own profiles.yml."""
        for server in self.servers:
            server.start()
        for server in self.servers:
            wait_until(server.answers, 60, f"the start of {server.name}")
        environments(self.options.owlet, self.project, self.database, self.servers[0], self.target)
        self.deployed = [odd_schedule(number, self.dice, self.folder, self.receiver.url, self.options) for number in range(self.options.schedules)]
        self.deploy(self.deployed)

    def deploy(self, schedules):
        (self.project / "paradime_schedules.yml").write_text(json.dumps({"version": 1, "schedules": schedules}))
        owlet(self.options.owlet, self.project, "bolt", "deploy", "--yes", "--endpoint", self.servers[0].endpoint)

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1
        print(f"chaos: {time.monotonic() - self.began:6.1f} s  {what}", flush=True)

    def break_things(self):
        self.began = time.monotonic()
        self.until = self.began + self.options.seconds
        threads = [threading.Thread(target=self.trouble, args=(server, random.Random(f"{self.options.seed}/{server.name}"))) for server in self.servers]
        if self.options.database == "postgres":
            threads.append(threading.Thread(target=self.restart_database, args=(random.Random(f"{self.options.seed}/database"),)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def trouble(self, server, dice):
        """One server's fate."""

        def sleep(low, high):
            time.sleep(min(dice.uniform(low, high), max(0.0, self.until - time.monotonic())))

        while time.monotonic() < self.until:
            sleep(2, min(25, 4 + self.options.seconds / 10))
            if time.monotonic() >= self.until:
                break
            if not server.is_up():
                # 2: it could not start, as the database was down; whoever watches over servers starts it again.
                if server.process.returncode != 2:
                    self.failures.append(f"{server.name} ended by itself with {server.process.returncode}")
                self.count(f"{server.name}: started again, as it could not start")
                server.start()
                continue
            what = dice.choices(["server", "supervisors", "host", "stop", "pause", "step"], [4, 2, 3, 2, 2, 3])[0]
            if what == "stop":
                self.count(f"{server.name}: stopped in order")
                server.stop()
            elif what == "pause":
                seconds = dice.choice([3, 15, 45])
                self.count(f"{server.name}: paused for {seconds} s")
                server.process.send_signal(signal.SIGSTOP)
                sleep(seconds, seconds)
                server.process.send_signal(signal.SIGCONT)
            elif what == "step":
                if faketime_library():
                    seconds = dice.choice([-1, 1]) * dice.choice([2, 30, 70, 200, 400]) if abs(server.offset) < 60 else -server.offset
                    self.count(f"{server.name}: clock stepped by {seconds} s")
                    server.step(seconds)
            else:
                self.count(f"{server.name}: kill -9 of its {what}")
                server.kill(what)
            if not server.is_up():
                sleep(0, 15)
                server.start()

    def restart_database(self, dice):
        while time.monotonic() < self.until:
            pause = dice.uniform(self.options.seconds * 0.2, self.options.seconds * 0.5)
            time.sleep(min(pause, max(0.0, self.until - time.monotonic())))
            if time.monotonic() >= self.until:
                break
            self.count("Postgres restarted")
            self.database.stop(dice.choice(["immediate", "fast"]))
            time.sleep(dice.uniform(0, 6))
            self.database.start()

    def calm_down(self):
        """All clocks are right, all servers up, no schedule has slots: what began comes to its end."""
        print(f"chaos: {time.monotonic() - self.began:6.1f} s  calm", flush=True)
        for server in self.servers:
            server.step(-server.offset)
            if not server.is_up():
                server.start()
        for server in self.servers:
            wait_until(server.answers, 60, f"the start of {server.name}")
        time.sleep(3)  # libfaketime reads the offset again, and the clock looks once more.
        self.off_at = time.time()
        self.deploy([{**schedule, "schedule": "OFF"} for schedule in self.deployed])

        def open_work():
            runs = "SELECT count(*) AS n FROM run WHERE ended_at IS NULL"
            messages = "SELECT count(*) AS n FROM outbox WHERE state NOT IN ('DELIVERED', 'DEAD')"
            return [self.database.rows(sql)[0]["n"] for sql in (runs, messages)]

        until, told = time.monotonic() + 600, 0
        while (left := open_work()) != [0, 0]:
            if time.monotonic() > until:
                self.failures.append(f"{left[0]} runs and {left[1]} messages never end")
                break
            if time.monotonic() > told + 30:
                told = time.monotonic()
                print(f"chaos: {told - self.began:6.1f} s  waiting for {left[0]} runs and {left[1]} messages", flush=True)
            time.sleep(1)

    def close(self):
        for server in self.servers:
            if server.is_up():
                for pid in reversed(below(server.process.pid)):
                    kill(pid)
                server.process.wait()
        if self.options.database == "postgres":
            self.database.stop("fast")
        self.lake.stop()


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options.owlet = options.owlet.resolve()
    options.lake = options.lake and options.lake.resolve()
    print(f"chaos: seed {options.seed}, {options.seconds} s, {options.schedules} schedules on {options.database}", flush=True)
    if not faketime_library():
        print("chaos: libfaketime is not installed: no clock is stepped")
    folder = Path(tempfile.mkdtemp(prefix="owlet-chaos-"))
    folder.chmod(0o755)
    chaos = Chaos(options, folder)
    try:
        chaos.set_up()
        chaos.break_things()
        chaos.calm_down()
        failures = chaos.failures + Checks(chaos).all()
        for server in chaos.servers:
            server.stop()
    finally:
        chaos.close()
        if options.keep:
            print(f"chaos: everything is in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    for failure in failures:
        print(f"chaos: FAILED: {failure}")
    print(f"chaos: {'FAILED' if failures else 'all promises held'}; repeat with --seed {options.seed}")
    sys.exit(1 if failures else 0)


main()
