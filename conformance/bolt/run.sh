#!/usr/bin/env bash
# The unmodified Bolt clients (SDK, its CLI) against `owlet up` on a small project, and every GraphQL document of the clients against
# the schema that the server has, the Airflow provider's among them. The provider itself runs where Airflow is, which is large:
#
#   python3 -m venv VENV && VENV/bin/pip install --only-binary=:all: apache-airflow==3.3.2 airflow-provider-paradime-dbt==1.4.0
#   AIRFLOW=VENV conformance/bolt/run.sh path/to/owlet
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

if [ -n "${AIRFLOW:-}" ]; then
  echo "== Airflow"
  export AIRFLOW_HOME=$work/airflow AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR
  export AIRFLOW__CORE__DAGS_FOLDER=$here/dags
  { read -r key; read -r secret; } < "$work/pair"
  AIRFLOW_CONN_OWLET=$(printf '{"conn_type": "paradime", "extra": {"api_endpoint": "%s", "api_key": "%s", "api_secret": "%s"}}' "$endpoint" "$key" "$secret")
  export AIRFLOW_CONN_OWLET
  mkdir -p "$AIRFLOW_HOME" && cd "$AIRFLOW_HOME"
  "$AIRFLOW/bin/airflow" db migrate > db.log 2>&1 || { tail -20 db.log >&2; exit 1; }
  "$AIRFLOW/bin/airflow" dags reserialize >> db.log 2>&1 || { tail -20 db.log >&2; exit 1; }
  PYTHONPATH=$here/dags "$AIRFLOW/bin/python" -W ignore "$here/check_airflow.py" > airflow.log 2>&1 || { tail -40 airflow.log "$work/server.log" >&2; exit 1; }
  grep "^  [{F]" airflow.log
else
  echo "== Airflow: not run (AIRFLOW names no virtual environment that has it)"
fi
