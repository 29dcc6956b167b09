#!/usr/bin/env bash
# Python models built by dbt Core with dbt-athena and by Owlet on one lakehouse, in two rounds, with a stand-in for Apache Spark (spark.py).
# The tables must be equal, the sessions must have been asked for alike, and Owlet's must have ended.
#
#   conformance/dbt-athena/spark.sh [path of the owlet binary]
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
owlet="${1:-${CARGO_TARGET_DIR:-$root/target}/debug/owlet}"
work="$(mktemp -d)"
servers=()
cleanup() {
  [ ${#servers[@]} -eq 0 ] || kill "${servers[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
. "$here/venv.sh"

mkdir "$work/profiles"
{
  printf 'spark:\n  target: none\n  outputs:\n'
  for target in dbt owlet; do
    printf '    %s: {type: athena, database: awsdatacatalog, schema: %s, region_name: eu-west-1, threads: 2, poll_interval: 0.1, spark_work_group: spark, s3_staging_dir: "s3://results/%s/", s3_data_dir: "s3://results/data-%s/"}\n' \
      "$target" "$target" "$target" "$target"
  done
} > "$work/profiles/profiles.yml"
export DBT_PROFILES_DIR="$work/profiles" DBT_SEND_ANONYMOUS_USAGE_STATS=false
export AWS_ACCESS_KEY_ID=owlet AWS_SECRET_ACCESS_KEY=owlet AWS_DEFAULT_REGION=eu-west-1

port() { "$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
lake="$(port)"
"$owlet" lake serve --listen "127.0.0.1:$lake" --dir "$work/lakehouse" >"$work/server.log" 2>&1 &
servers+=($!)
spark="$(port)"
"$venv/bin/python" "$here/spark.py" "$spark" "http://127.0.0.1:$lake" "$work/spark.log" >"$work/spark.out" 2>&1 &
servers+=($!)
export AWS_ENDPOINT_URL="http://127.0.0.1:$spark"
"$venv/bin/python" "$here/compare.py" wait

cp -r "$here/spark" "$work/by-dbt"
cp -r "$here/spark" "$work/by-owlet"
build() { # NAME PROGRAM ROUND ARGUMENTS
  (cd "$work/by-$1" && "$2" --no-use-colors build --target "$1" --vars "{n: $3}" "${@:4}") > "$work/$1.log" 2>&1
}
for round in 1 2; do
  printf '== round %s\n' "$round"
  for name in dbt owlet; do
    program="$venv/bin/dbt"
    [ "$name" = dbt ] || program="$owlet"
    if ! build "$name" "$program" "$round" --exclude broken; then
      cat "$work/$name.log" "$work/spark.out"
      exit 1
    fi
    mv "$work/spark.log" "$work/$name.sessions"
  done
  "$venv/bin/python" "$here/builds.py" schemas dbt owlet
  "$venv/bin/python" - "$work/dbt.sessions" "$work/owlet.sessions" <<'PYTHON'
import json
import sys

dbt, owlet = [[json.loads(line) for line in open(path)] for path in sys.argv[1:]]
asked = [{json.dumps({key: line[key] for key in ("group", "engine", "idle")}, sort_keys=True) for line in side if "start" in line} for side in (dbt, owlet)]
assert asked[0] == asked[1], asked
started, ended = [{line[key] for line in owlet if key in line} for key in ("start", "end")]
assert started == ended, (started, ended)
print(f"{len(asked[0])} kinds of sessions, asked for alike; all {len(started)} of Owlet's were ended")
PYTHON
done

printf '== a model that fails\n'
build owlet "$owlet" 1 --select broken && { echo "it should have failed"; exit 1; }
grep -q "NameError: name 'nothing' is not defined" "$work/owlet.log" || { cat "$work/owlet.log"; exit 1; }
echo "it says what Python said"
