"""What the official client's verifier says about the cases of crates/schedules/tests.

    verdicts.py TESTS [--record]

The verdict on cases/NAME.yml is in cases/NAME.official: a line `accepted`, or `rejected` and then each mistake that the client names, its
place in the file and its message. cron/official.txt has a verdict before each expression. Without --record, compares.
"""

import argparse
import sys
from pathlib import Path

from croniter import croniter
from paradime.core.bolt.schedule import _get_schedules, is_valid_schedule_at_path
from paradime.tools.pydantic import ValidationError
from yaml import YAMLError

# What a server would have told the client; crates/schedules/tests/it/files.rs knows the same.
KNOWN = dict(
    existing_names={"deployed-elsewhere-0c0ffe"},
    schedule_trigger_refs={("Marketing", "campaigns"), ("Analytics", "deployed-elsewhere-0c0ffe")},
    valid_environments={"production", "staging"},
)


def verdict(case: Path) -> str:
    message = is_valid_schedule_at_path(case, **KNOWN)
    if message is None:
        return "accepted\n"
    try:
        _get_schedules(case)
    except ValidationError as error:
        lines = [f"{' -> '.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        return "rejected\n" + "\n".join(lines) + "\n"
    except Exception as error:  # YAML, or what the client did not foresee
        name = "not YAML" if isinstance(error, YAMLError) else type(error).__name__
        return f"rejected\n{name}\n"
    if message.startswith("No schedules found"):
        message = "No schedules found"
    return f"rejected\n{message}\n"


def cron_verdicts(text: str) -> str:
    """Verdicts are those of croniter, before the client's short cut for what ends in 7."""
    expressions = [line.split(" | ", 1)[-1] for line in text.splitlines()]
    return "".join(f"{'accepted' if croniter.is_valid(e) else 'rejected'} | {e}\n" for e in expressions)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tests", type=Path)
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    cases = sorted(p for p in (arguments.tests / "cases").iterdir() if p.is_dir() or p.suffix == ".yml")
    expressions = arguments.tests / "cron" / "official.txt"
    different = 0
    for case in [*cases, expressions]:
        recorded = case if case == expressions else case.with_suffix(".official")
        now = cron_verdicts(case.read_text()) if case == expressions else verdict(case)
        if arguments.record:
            recorded.write_text(now)
        elif not recorded.exists() or recorded.read_text() != now:
            different += 1
            print(f"{case.name}: the client now says\n{now}")
    print(f"{len(cases)} cases, {different} differ")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
