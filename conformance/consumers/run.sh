#!/usr/bin/env bash
# Tools that read dbt's artifacts read ours: the example is built, documented and asked for its freshness, and each tool
# must answer about it.
#
#   conformance/consumers/run.sh path/to/owlet
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
owlet="$(realpath "${1:?path to owlet}")"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/owlet"
venv="${VENV:-$cache/venv-consumers}"

if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --only-binary=:all: --requirement "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp -a "$here/../../examples/flights" "$work/flights"
cd "$work/flights"
rm -rf .owlet target logs
"$owlet" --quiet build > "$work/build.log" || { cat "$work/build.log"; exit 1; }
cp target/run_results.json "$work/run_results.json"
"$owlet" --quiet source freshness > /dev/null
"$owlet" --quiet docs generate > /dev/null
cp "$work/run_results.json" target/run_results.json

export AIRFLOW_HOME="$work/airflow" DO_NOT_TRACK=1 NO_COLOR=1
PATH="$venv/bin:$PATH" "$venv/bin/python" "$here/check.py" "$work/flights"
