#!/usr/bin/env bash
# A suite of functional tests that was written for dbt, run with Owlet in dbt's place. Needs a lakehouse (or Athena) at AWS_ENDPOINT_URL.
#
#   conformance/dbt-functional/run.sh OWLET CHECKOUT [pytest's arguments]
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
owlet="$1" checkout="$2"
shift 2
venv="${XDG_CACHE_HOME:-$HOME/.cache}/owlet/venv-dbt-functional"
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --only-binary=:all: -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi
export OWLET="$owlet" DBT_SEND_ANONYMOUS_USAGE_STATS=false PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here"
cd "$checkout"
exec "$venv/bin/python" -m pytest -p owlet_runs_dbt -p no:cacheprovider -q -W ignore --show-capture=stdout --tb=short -o junit_logging=system-out --timeout 300 "$@"
