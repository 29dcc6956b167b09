#!/usr/bin/env bash
# `state:` selections by dbt Core and by Owlet, each with its own earlier manifest, and by Owlet with dbt's; `result:` and
# `source_status:`; what deferral reads and builds.
#
#   conformance/dbt-state/run.sh [path of the owlet binary]
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
owlet="${1:-${CARGO_TARGET_DIR:-$root/target}/debug/owlet}"
venv="${XDG_CACHE_HOME:-$HOME/.cache}/owlet/venv-dbt-state"
export DBT_SEND_ANONYMOUS_USAGE_STATS=false

if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --only-binary=:all: -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi

"$venv/bin/python" "$here/compare.py" --owlet "$owlet" "$root"/crates/engine/tests/cases/state_*.case
"$venv/bin/python" "$here/results.py" --owlet "$owlet"
"$venv/bin/python" "$here/defer.py" --owlet "$owlet"
