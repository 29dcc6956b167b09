#!/usr/bin/env bash
# The flights example, built on one embedded lakehouse by dbt Core with dbt-athena and by Owlet over HTTP; the tables must be equal.
#
#   conformance/dbt-athena/run.sh [path of the owlet binary]
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
owlet="${1:-${CARGO_TARGET_DIR:-$root/target}/debug/owlet}"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/owlet"
venv="$cache/venv-dbt-athena"
work="$(mktemp -d)"
server=""
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --only-binary=:all: -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi

cp -r "$root/examples/flights" "$work/project"
rm -rf "$work/project/.owlet" "$work/project/target" "$work/project/logs"
port="$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
"$owlet" lake serve --listen "127.0.0.1:$port" --dir "$work/lakehouse" --mount "flights-raw=$work/project/data/raw" >"$work/server.log" 2>&1 &
server=$!

export AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=owlet AWS_SECRET_ACCESS_KEY=owlet AWS_DEFAULT_REGION=eu-west-1
export DBT_SEND_ANONYMOUS_USAGE_STATS=false
"$venv/bin/python" "$here/compare.py" wait
mkdir "$work/profiles"
cat > "$work/profiles/profiles.yml" <<'PROFILE'
flights:
  target: reference
  outputs:
    reference: &athena
      type: athena
      database: awsdatacatalog
      schema: reference
      region_name: eu-west-1
      s3_staging_dir: s3://results/reference/
      threads: 4
    owlet:
      <<: *athena
      schema: owlet
      s3_staging_dir: s3://results/owlet/
PROFILE

cd "$work/project"
printf '== dbt Core with dbt-athena\n'
"$venv/bin/dbt" --no-use-colors deps
"$venv/bin/dbt" --no-use-colors build --profiles-dir "$work/profiles" --target reference
"$venv/bin/dbt" --no-use-colors build --profiles-dir "$work/profiles" --target reference --quiet
printf '== owlet\n'
"$owlet" build --profiles-dir "$work/profiles" --target owlet
"$owlet" build --profiles-dir "$work/profiles" --target owlet --quiet
printf '== the tables of both\n'
"$venv/bin/python" "$here/compare.py" tables reference owlet
