"""What must hold after it."""

import json
from collections import Counter, defaultdict
from datetime import datetime, timezone

MINUTE = 60_000_000


def moment(micros):
    return datetime.fromtimestamp(micros / 1e6, timezone.utc).strftime("%H:%M:%S")


class Checks:
    def __init__(self, chaos):
        self.chaos, self.database, self.failures = chaos, chaos.database, []
        self.schedules = {row["id"]: row for row in self.database.rows("SELECT id, slug, created_at FROM schedule")}
        self.runs = self.database.rows(
            "SELECT id, schedule_id, family_id, attempt, slot_id, state, state_reason, error_class, started_at, ended_at, lease_fence FROM run ORDER BY id"
        )
        self.slots = self.database.rows("SELECT id, schedule_id, planned_at, decision, reason, run_id FROM slot ORDER BY planned_at")
        self.messages = self.database.rows("SELECT id, dedupe_key, channel, event, run_id, state, attempts, last_error FROM outbox ORDER BY id")

    def all(self):
        for check in (self.every_slot_is_decided, self.one_run_per_slot, self.runs_ended, self.no_two_owners, self.no_query_is_left, self.all_is_told):
            print(f"chaos: {check.__name__.replace('_', ' ')}: {check()}", flush=True)
        return self.failures

    def failed(self, what):
        self.failures.append(what)

    def every_slot_is_decided(self):
        """Each instant of each cron, from its deployment until the schedules were turned off, has its row."""
        every = {schedule["slug"]: int(schedule["schedule"].split()[0].split("/")[1]) for schedule in self.chaos.deployed}
        of_schedule = defaultdict(set)
        folded = defaultdict(list)
        for slot in self.slots:
            of_schedule[slot["schedule_id"]].add(slot["planned_at"])
            if "this row stands for all slots before" in slot["reason"]:
                folded[slot["schedule_id"]].append(slot["planned_at"])
        expected = missing = 0
        until = int(self.chaos.off_at * 1_000_000) - 2_000_000
        for schedule_id, schedule in self.schedules.items():
            step = every[schedule["slug"]] * MINUTE
            at = (schedule["created_at"] // step + 1) * step
            while at <= until:
                expected += 1
                if at not in of_schedule[schedule_id] and not folded[schedule_id]:
                    missing += 1
                    if missing <= 5:
                        self.failed(f"{schedule['slug']} has no row for its slot {moment(at)}")
                at += step
        if missing > 5:
            self.failed(f"{missing} slots have no row")
        return f"{expected} slots"

    def one_run_per_slot(self):
        firsts = defaultdict(list)
        for run in self.runs:
            if run["slot_id"] is not None and run["attempt"] == 1:
                firsts[run["slot_id"]].append(run["id"])
        decisions = Counter()
        for slot in self.slots:
            decisions[slot["decision"]] += 1
            runs = firsts.get(slot["id"], [])
            name = f"{self.schedules[slot['schedule_id']]['slug']} {moment(slot['planned_at'])} ({slot['decision']}: {slot['reason']})"
            if slot["decision"] in ("STARTED", "QUEUED"):
                if runs != [slot["run_id"]]:
                    self.failed(f"{name} names run {slot['run_id']} and has runs {runs}")
            elif runs or slot["run_id"] or not slot["reason"]:
                self.failed(f"{name} has runs {runs}")
        twice = [key for key, n in Counter((slot["schedule_id"], slot["planned_at"]) for slot in self.slots).items() if n > 1]
        if twice:
            self.failed(f"{len(twice)} slots have two rows")
        return dict(decisions)

    def runs_ended(self):
        families = defaultdict(list)
        for run in self.runs:
            families[run["family_id"] or run["id"]].append(run)
            if run["ended_at"] is None:
                self.failed(f"run {run['id']} is {run['state']}")
        for family, attempts in families.items():
            numbers = [run["attempt"] for run in attempts]
            if numbers != list(range(1, len(attempts) + 1)):
                self.failed(f"the attempts of run {family} are numbered {numbers}")
        lost = sum(1 for run in self.runs if run["lease_fence"] > 1)
        states = Counter(f"{run['state']}{'/' + run['error_class'] if run['error_class'] else ''}" for run in self.runs)
        return f"{len(self.runs)} runs of {len(families)} families, {lost} taken over, {dict(states)}"

    def no_two_owners(self):
        marks = [json.loads(line) for line in (self.chaos.folder / "marks.jsonl").read_text().splitlines()]
        for mark in marks:
            if mark["what"] not in ("begin", "end"):
                self.failed(f"run {mark['run']} of {mark['schedule']} began beside another: {mark['what']}")
        counts = Counter(mark["what"] for mark in marks)
        begun = Counter(mark["run"] for mark in marks if mark["what"] == "begin")
        for run, times in begun.items():
            if times > 1:
                self.failed(f"the command of run {run} began {times} times")
        # A retry from where it failed does not repeat what came to its end.
        family = {run["id"]: run["family_id"] or run["id"] for run in self.runs}
        ended = {family[mark["run"]] for mark in marks if mark["what"] == "end"}
        for run in self.runs:
            if run["state"] == "SUCCESS" and family[run["id"]] not in ended:
                self.failed(f"run {run['id']} is a success, and its first command did not come to its end in any attempt")
        return f"{counts['begin']} commands began, {counts['end']} came to their end"

    def no_query_is_left(self):
        states = self.chaos.lake.executions()
        for query, state in states.items():
            if state in ("QUEUED", "RUNNING"):
                self.failed(f"query {query} is left {state}")
        rows = self.database.rows("SELECT query_execution_id, run_id, state, ended_at FROM query_execution")
        for row in rows:
            if row["ended_at"] is None:
                self.failed(f"query {row['query_execution_id']} of run {row['run_id']} has no end in the ledger")
            elif states.get(row["query_execution_id"]) != row["state"]:
                self.failed(f"query {row['query_execution_id']} is {states.get(row['query_execution_id'])}, and {row['state']} in the ledger")
        return f"{len(states)} queries {dict(Counter(states.values()))}, {len(rows)} in the ledger"

    def all_is_told(self):
        """Each end and each skipped slot has one message; each message was taken, and its repetitions carry its id."""
        for message in self.messages:
            if message["state"] != "DELIVERED":
                self.failed(f"message {message['dedupe_key']} is {message['state']}: {message['last_error']}")
        written = Counter((m["event"], m["run_id"]) for m in self.messages if m["channel"] == "webhook" and m["run_id"])
        last = {}
        for run in self.runs:
            last[run["family_id"] or run["id"]] = run
        for run in last.values():
            told = [event for event in ("passed", "failed", "skipped") if written[(event, run["id"])]]
            wanted = ["passed"] if run["state"] == "SUCCESS" else ["failed"] if run["state"] in ("FAILED", "ERROR") else None
            if wanted and (told != wanted or written[(wanted[0], run["id"])] != 1):
                self.failed(f"run {run['id']} is {run['state']}, and its messages are {told}")
        skipped = sum(1 for slot in self.slots if slot["decision"] in ("SKIPPED", "MISSED"))
        of_webhooks = [message for message in self.messages if message["channel"] == "webhook"]
        taken = Counter(message_id for message_id, _ in self.chaos.receiver.taken)
        if len(taken) != len(of_webhooks):
            self.failed(f"{len(of_webhooks)} messages were written and {len(taken)} were taken")
        ids = defaultdict(set)
        for message_id, body in self.chaos.receiver.taken:
            if body.get("run", {}).get("id"):
                ids[(body["type"], body["run"]["id"])].add(message_id)
        for what, several in ids.items():
            if len(several) > 1:
                self.failed(f"{what} was told under {len(several)} ids")
        repeated = sum(n - 1 for n in taken.values())
        tries = sum(message["attempts"] for message in of_webhooks)
        return (
            f"{len(of_webhooks)} messages ({skipped} slots without a run), {len(taken)} taken, {self.chaos.receiver.refused} refused at first, "
            f"{repeated} taken again under the same id, {tries} tries"
        )
