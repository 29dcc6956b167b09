#!/usr/bin/env bash
# `deps` by dbt Core and by Owlet on the same hub, archives and git repositories: lock files and installed trees must agree.
#
#   conformance/dbt-deps/run.sh [path of the owlet binary]
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
owlet="${1:-${CARGO_TARGET_DIR:-$root/target}/debug/owlet}"
venv="${XDG_CACHE_HOME:-$HOME/.cache}/owlet/venv-dbt-parity"
export DBT_SEND_ANONYMOUS_USAGE_STATS=false

# The same environment as conformance/dbt-parity's.
requirements="$root/conformance/dbt-parity/requirements.txt"
if ! cmp -s "$requirements" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --only-binary=:all: -r "$requirements"
  cp "$requirements" "$venv/installed.txt"
fi

"$venv/bin/python" "$here/compare_deps.py" --owlet "$owlet"
