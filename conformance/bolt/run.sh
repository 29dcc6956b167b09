#!/usr/bin/env bash
# The unmodified Bolt clients (SDK, its CLI) against `owlet up` on a small project, and every GraphQL document of the clients against
# the schema that the server has. The Airflow provider's documents are among them; it is not run, as Airflow is large.
#
#   conformance/bolt/run.sh path/to/owlet
#
# Needs Python 3.10 or later; the packages of requirements.txt go into $VENV.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
owlet=$(realpath "$1")
venv=${VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/owlet/venv-bolt}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true; rm -rf "$work"' EXIT

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
# The provider without Airflow: only its documents are read.
"$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: $(grep -v airflow "$here/requirements.txt")
"$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: --no-deps $(grep airflow "$here/requirements.txt")

cp -r "$here/project" "$work/project"
cd "$work/project"
"$owlet" token create pair --role admin --pair > "$work/pair" 2> "$work/told"
"$owlet" token create bearer --role admin > "$work/bearer" 2>> "$work/told"
"$owlet" token create company --role admin --company > "$work/company" 2>> "$work/told"
"$owlet" token create viewer --role viewer > "$work/viewer" 2>> "$work/told"
"$owlet" up --listen 127.0.0.1:0 --lake-listen 127.0.0.1:0 2> "$work/server.log" &
server=$!
for _ in $(seq 600); do
  grep -q "^Schedules:" "$work/server.log" && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
endpoint=$(sed -n 's/^  GraphQL API: //p' "$work/server.log")
[ -n "$endpoint" ] || { cat "$work/server.log" >&2; exit 1; }

export BOLT_ENDPOINT=$endpoint BOLT_SECRETS=$work PARADIME_DISABLE_VERSION_CHECK=1 PARADIME_DISABLE_TELEMETRY=1 HOME=$work
echo "== documents of the clients"
"$venv/bin/python" "$here/documents.py" "$endpoint" "$(cat "$work/bearer")" paradime paradime_dbt_provider
echo "== SDK and CLI"
PYTHONPATH=$here/../clients "$venv/bin/python" -W ignore::DeprecationWarning "$here/check_sdk.py" || { tail -50 "$work/server.log" >&2; exit 1; }
