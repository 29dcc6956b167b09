#!/usr/bin/env bash
# The official client's verifier, and croniter, over the cases of crates/schedules: do the recorded verdicts still hold?
#
#   conformance/schedules/run.sh [--record]
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
venv="${XDG_CACHE_HOME:-$HOME/.cache}/owlet/venv-schedules"

if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --only-binary=:all: -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi

"$venv/bin/python" "$here/verdicts.py" "$root/crates/schedules/tests" "$@"
