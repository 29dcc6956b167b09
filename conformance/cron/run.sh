#!/usr/bin/env bash
# What croniter says about crates/schedules/tests/cron/croniter.txt today: prints the lines that changed. --record writes them; --quick asks for
# three zones only, as CI does.
# `cargo test -p schedules` compares our instants with the file.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
recorded="$root/crates/schedules/tests/cron/croniter.txt"
venv="${XDG_CACHE_HOME:-$HOME/.cache}/owlet/venv-cron"

if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --only-binary=:all: -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi

if [ "${1:-}" = --record ]; then
  "$venv/bin/python" "$here/record.py" > "$recorded"
elif [ "${1:-}" = --quick ]; then
  "$venv/bin/python" "$here/record.py" Europe/Lisbon America/New_York Australia/Lord_Howe |
    sort | diff <(grep -E '^(Europe/Lisbon|America/New_York|Australia/Lord_Howe) ' "$recorded" | sort) -
else
  "$venv/bin/python" "$here/record.py" | diff "$recorded" -
fi
