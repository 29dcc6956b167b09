"""A command of a schedule: holds locks while it lives, so that two owners of one run, or two runs of a schedule that forbids it, are seen.

    mark.py FOLDER SECONDS SHARED|ALONE EXIT-CODE

A lock goes with its process, however that ends: no mark of a killed process is left to be mistaken for a living one.
"""

import fcntl
import json
import os
import sys
import time

folder, seconds, policy, code = sys.argv[1], float(sys.argv[2]), sys.argv[3], int(sys.argv[4])
run, attempt, schedule = (os.environ[name] for name in ("OWLET_RUN_ID", "OWLET_RUN_ATTEMPT", "OWLET_SCHEDULE"))
held = []


def note(what):
    line = {"what": what, "run": int(run), "attempt": int(attempt), "schedule": schedule, "pid": os.getpid(), "at": time.time()}
    with open(os.path.join(folder, "marks.jsonl"), "a") as file:
        file.write(json.dumps(line) + "\n")


def hold(name):
    file = open(os.path.join(folder, "locks", name), "a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        note(f"{name} is held by {file.read().strip()}")
        sys.exit(99)
    file.truncate(0)
    file.write(f"run {run}, process {os.getpid()}")
    file.flush()
    held.append(file)


hold(f"run-{run}")
if policy == "ALONE":
    hold(f"schedule-{schedule}")
note("begin")
end = time.monotonic() + seconds
while time.monotonic() < end:
    print(f"still at it, {end - time.monotonic():.1f} s to go")
    time.sleep(min(0.5, max(0.0, end - time.monotonic())))
note("end")
sys.exit(code)
