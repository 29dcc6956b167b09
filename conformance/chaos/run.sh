#!/usr/bin/env bash
# The scheduler when everything around it breaks, with real processes; see chaos.py and lost.py. Without arguments for chaos.py, the short form that
# CI runs: one minute and two.
#
#   conformance/chaos/run.sh path/to/owlet [--seconds 600 --schedules 200 --seed N …]
#
# Needs Python 3.10 or later and Postgres; with libfaketime (Debian: faketime) clocks are stepped too.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
owlet=$(realpath "$1")
shift
if [ $# -gt 0 ]; then
  exec python3 "$here/chaos.py" "$owlet" "$@"
fi
python3 "$here/lost.py" "$owlet"
# A minute and more, so that every cron is due at least once.
python3 "$here/chaos.py" "$owlet" --seed 6 --seconds 70 --schedules 12 --runs 4
