"""When croniter says that expressions are due, over ten years in twenty zones, as crates/schedules/tests/cron/croniter.txt.

croniter walks local time without a zone; Python's zoneinfo makes instants of it. Instants within two days of a change of clocks are left out:
there the programs differ on purpose (crates/schedules/tests/cron/daylight_saving.case has our answers). A line is

    zone | expression | how many | the last one | SHA-256 of all, each as seconds since the epoch and a line feed, cut to 16 digits

and before the lines of a zone stands `zone | | changes of clocks`, in seconds since the epoch. Zones can be named; all, else.
"""

import hashlib
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from croniter import croniter

BEGIN, END = datetime(2026, 1, 1), datetime(2036, 1, 1)
APART = 2 * 86400
ZONES = """UTC Europe/Berlin Europe/Lisbon Europe/London Europe/Dublin America/New_York America/Los_Angeles America/St_Johns America/Sao_Paulo
America/Havana America/Santiago Africa/Cairo Africa/Casablanca Asia/Kolkata Asia/Kathmandu Asia/Tokyo Asia/Beirut Australia/Sydney
Australia/Lord_Howe Pacific/Chatham""".split()
EXPRESSIONS = """* * * * *;*/5 * * * *;*/15 * * * *;7-59/15 * * * *;0 * * * *;30 * * * *;0,30 * * * *;0 */2 * * *;0 */6 * * *;15 */7 * * *
0 9-17 * * *;*/20 8-18 * * MON-FRI;0 22-2 * * *;5 0 * * *;0 0 * * *;15 4 * * *;30 2 * * *;30 1 * * *;0 12 * * *;59 23 * * *
0 6,18 * * *;15,45 6 * * *;0 0 * * 0;0 0 * * 7;0 0 * * SUN;0 4 * * 1-5;0 4 * * mon-fri;0 4 * * fri-mon;0 4 * * 6,0;0 4 * * */2
0 4 * * 1/2;0 0 1 * *;0 0 15 * *;0 0 31 * *;0 0 29 2 *;0 0 L * *;0 0 1,L * *;0 0 25-L * *;0 0 15W * *;0 0 1W * *
0 0 31W * *;0 3 */2 * *;0 3 1-7 * *;0 3 28-31 * *;0 3 25-5 * *;0 0 1 1 *;0 0 1 */3 *;0 0 1 JAN,JUL *;0 0 1 nov-feb *;0 0 * 6-8 *
0 9 * * FRI#2;0 9 * * 1#1;0 9 * * 5#5;0 9 * * L5;0 9 * * L0;0 9 * * mon-wed#1;0 9 13 * FRI;0 9 1-7 * MON;@hourly;@daily
@weekly;@monthly;@yearly;0 9 ? * MON;10/20 8 * * *;0 5-9/2 * * *""".replace("\n", ";").split(";")


def changes(zone: ZoneInfo) -> list[int]:
    """The first seconds with another offset, from half a year before to half a year after."""
    offset = lambda second: datetime.fromtimestamp(second, zone).utcoffset()
    first = int((BEGIN - timedelta(days=180)).replace(tzinfo=timezone.utc).timestamp())
    last = int((END + timedelta(days=180)).replace(tzinfo=timezone.utc).timestamp())
    found = []
    for second in range(first, last, 86400):
        if offset(second) != offset(second + 86400):
            low, high = second, second + 86400
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
            found.append(high)
    return found


def local_times(expression: str) -> list[datetime]:
    """At most ten years; the frequent ones fewer, which is enough away from changes."""
    times = croniter(expression, BEGIN - timedelta(minutes=1), ret_type=datetime)
    found, limit = [], 3700 if croniter(expression, BEGIN).get_next(datetime) is not None else 0
    while len(found) < limit:
        time = times.get_next()
        if time >= END:
            break
        found.append(time)
        if len(found) == 1000 and time < BEGIN + timedelta(days=200):
            break
    return found


def main() -> None:
    walked = {expression: local_times(expression) for expression in EXPRESSIONS}
    for name in sys.argv[1:] or ZONES:
        zone = ZoneInfo(name)
        moved = changes(zone)
        print(f"{name} | | {' '.join(map(str, moved))}")
        for expression, times in walked.items():
            instants, at = [], 0
            for time in times:
                instant = int(time.replace(tzinfo=zone).timestamp())
                while at < len(moved) and moved[at] + APART < instant:
                    at += 1
                if at == len(moved) or instant < moved[at] - APART:
                    instants.append(instant)
            digest = hashlib.sha256("".join(f"{i}\n" for i in instants).encode()).hexdigest()[:16]
            print(f"{name} | {expression} | {len(instants)} | {instants[-1]} | {digest}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
