#!/usr/bin/env bash
# The flights example, built three times on one embedded lakehouse: by Owlet in process, by Owlet over HTTP, and by dbt Core with dbt-athena.
# The tables must be equal.
#
#   conformance/dbt-athena/run.sh [path of the owlet binary]
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
owlet="${1:-${CARGO_TARGET_DIR:-$root/target}/debug/owlet}"
work="$(mktemp -d)"
server=""
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

. "$here/venv.sh"

cp -r "$root/examples/flights" "$work/project"
rm -rf "$work/project/.owlet" "$work/project/target" "$work/project/logs"
mkdir "$work/profiles"
cat > "$work/profiles/profiles.yml" <<PROFILE
flights:
  target: reference
  outputs:
    inprocess:
      type: athena
      lakehouse: embedded
      lakehouse_dir: $work/lakehouse
      schema: inprocess
      threads: 4
    reference: &athena
      type: athena
      database: awsdatacatalog
      schema: reference
      region_name: eu-west-1
      s3_staging_dir: s3://results/reference/
      threads: 4
    overhttp:
      <<: *athena
      schema: overhttp
      s3_staging_dir: s3://results/overhttp/
PROFILE
cd "$work/project"

printf '== owlet in process\n'
"$owlet" build --profiles-dir "$work/profiles" --target inprocess
"$owlet" build --profiles-dir "$work/profiles" --target inprocess --quiet

port="$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
"$owlet" lake serve --listen "127.0.0.1:$port" --dir "$work/lakehouse" --mount "flights-raw=$work/project/data/raw" >"$work/server.log" 2>&1 &
server=$!
export AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=owlet AWS_SECRET_ACCESS_KEY=owlet AWS_DEFAULT_REGION=eu-west-1
export DBT_SEND_ANONYMOUS_USAGE_STATS=false
"$venv/bin/python" "$here/compare.py" wait

printf '== dbt Core with dbt-athena\n'
"$venv/bin/dbt" --no-use-colors deps
"$venv/bin/dbt" --no-use-colors build --profiles-dir "$work/profiles" --target reference
"$venv/bin/dbt" --no-use-colors build --profiles-dir "$work/profiles" --target reference --quiet
printf '== owlet over HTTP\n'
"$owlet" build --profiles-dir "$work/profiles" --target overhttp
"$owlet" build --profiles-dir "$work/profiles" --target overhttp --quiet
printf '== the tables of all three\n'
"$venv/bin/python" "$here/compare.py" tables reference overhttp
"$venv/bin/python" "$here/compare.py" tables inprocess overhttp
