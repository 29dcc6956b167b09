"""What Bolt's clients rely on, with the SDK and its command line as released."""

import json
import os
import pathlib
import subprocess
import sys
import time

from paradime import Paradime

import checks
from checks import equal

ENDPOINT = os.environ["BOLT_ENDPOINT"]
UID = ENDPOINT.split("/")[-2]
SECRETS = pathlib.Path(os.environ["BOLT_SECRETS"])
LIVE, FINAL = "RUNNING", {"SUCCESS", "FAILED", "ERROR", "CANCELED", "SKIPPED"}


def secret(name):
    return (SECRETS / name).read_text().split()


def client(name="pair"):
    words = secret(name)
    if len(words) == 2:
        return Paradime(api_endpoint=ENDPOINT, api_key=words[0], api_secret=words[1])
    return Paradime(api_endpoint=ENDPOINT, api_secret=words[0], workspace_uid=UID)


def refused(part, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except Exception as error:
        assert part in str(error), f"'{part}' is not in: {error}"
        return
    raise AssertionError(f"an error with '{part}' was expected")


def ended(bolt, run_id):
    """The final state; until then the only word is RUNNING."""
    for _ in range(600):
        state = bolt.get_run_status(run_id).value
        if state in FINAL:
            return state
        equal(state, LIVE)
        time.sleep(0.1)
    raise AssertionError(f"run {run_id} does not end")


def command_line(*arguments, secrets="pair"):
    key, word = secret(secrets)
    environment = os.environ | {"PARADIME_API_ENDPOINT": ENDPOINT, "PARADIME_API_KEY": key, "PARADIME_API_SECRET": word}
    program = pathlib.Path(sys.executable).parent / "paradime"
    done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def check_every_kind_of_credentials():
    for name in ("pair", "bearer", "company"):
        equal(client(name).bolt.list_schedules(offset=0, limit=10000).total_count, 3)


def check_wrong_credentials_are_401_and_a_viewer_may_not_start():
    wrong = Paradime(api_endpoint=ENDPOINT, api_key="a", api_secret="b")
    refused("401", wrong.bolt.list_schedules, offset=0, limit=10)
    refused("403", client("viewer").bolt.trigger_run, "good")


def check_a_run_from_trigger_to_artifact():
    bolt = client().bolt
    run_id = bolt.trigger_run("good")
    equal(ended(bolt, run_id), "SUCCESS")
    commands = bolt.list_run_commands(run_id)
    equal([command.id for command in commands], sorted(command.id for command in commands))
    equal([command.command for command in commands][1:], ["dbt deps", "dbt build -s numbers"])
    last = commands[-1]
    assert last.return_code == 0 and last.end_dttm and "OK created sql view model" in last.stdout, last
    artifacts = {artifact.path: artifact.id for artifact in bolt.list_command_artifacts(last.id)}
    assert "target/manifest.json" in artifacts and "target/run_results.json" in artifacts, artifacts
    url = bolt.get_artifact_url(artifacts["target/run_results.json"])
    import urllib.request

    with urllib.request.urlopen(url) as answer:
        equal(answer.headers["Content-Type"], "application/json; charset=utf-8")
        results = json.load(answer)
    equal([result["status"] for result in results["results"]], ["success"])
    newest = bolt.list_runs(slug="good")
    newest = getattr(newest, "runs", newest)
    equal(newest[0].id, run_id)


def check_a_failed_run_and_its_retries():
    bolt = client().bolt
    run_id = bolt.trigger_run("broken")
    equal(ended(bolt, run_id), "FAILED")
    again = bolt.retry_run(run_id)
    equal(ended(bolt, again), "FAILED")
    equal(bolt.list_run_commands(again)[-1].command, "dbt retry")
    whole = bolt.retry_run_all(run_id)
    equal(ended(bolt, whole), "FAILED")
    equal(bolt.list_run_commands(whole)[-1].command, "dbt build -s broken")
    equal(bolt.get_run_status(run_id).value, "FAILED")


def check_a_busy_schedule_refuses_and_a_run_is_canceled():
    bolt = client().bolt
    run_id = bolt.trigger_run("long")
    equal(bolt.get_run_status(run_id).value, LIVE)
    # The same call again is a client that did not hear the answer: it gets the same run. Another call is refused.
    equal(bolt.trigger_run("long"), run_id)
    refused("AlreadyRunningException", bolt.trigger_run, "long", reason="another")
    bolt.cancel_run(run_id)
    equal(ended(bolt, run_id), "CANCELED")
    for command in bolt.list_run_commands(run_id):
        # Ends, also for what was stopped.
        list(bolt.stream_command_logs(command.id))


def check_unknown_names_are_errors():
    bolt = client().bolt
    refused("no schedule is named 'nope'", bolt.trigger_run, "nope")
    refused("", bolt.get_schedule, slug="nope")
    refused("", bolt.get_run_status, 2_000_000_000)


def check_the_command_line_waits_and_streams():
    code, text = command_line("bolt", "run", "good", "--wait")
    assert code == 0 and "OK created sql view model" in text and "SUCCESS" in text, text
    code, text = command_line("bolt", "run", "broken", "--wait")
    assert code == 1 and "TABLE_NOT_FOUND" in text, text
    code, text = command_line("bolt", "run", "good", "--json")
    assert json.loads(text.strip().splitlines()[-1])["run_id"] > 0, text
    ended(client().bolt, json.loads(text.strip().splitlines()[-1])["run_id"])


def check_the_command_line_suspends_verifies_and_gets_artifacts():
    # A YAML schedule is suspended in YAML with the original; here by API as well.
    for word in ("suspend", "unsuspend"):
        code, text = command_line("bolt", "schedule", word, "good")
        equal((code, "uccess" in text), (0, True))
    for _ in range(2):
        code, text = command_line("bolt", "verify", "--path", str(pathlib.Path.cwd()))
        assert code == 0 and "verified" in text, text
    target = SECRETS / "manifest.json"
    code, text = command_line("bolt", "artifact", "--slug", "good", "--artifact-path", "target/manifest.json", "--output-path", str(target))
    assert code == 0, text
    assert "model.bolt.numbers" in json.loads(target.read_text())["nodes"]


if __name__ == "__main__":
    checks.run("__main__")
