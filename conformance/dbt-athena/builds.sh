#!/usr/bin/env bash
# The project `builds` built by dbt Core with dbt-athena and by Owlet on one lakehouse: each way to build a node, in two rounds; then again
# with parts of the materializations, of unit tests and of clones replaced by macros of the project. The tables must be equal, and what `adapter` answers macros too.
#
#   conformance/dbt-athena/builds.sh [path of the owlet binary]
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

mkdir "$work/profiles"
{
  printf 'builds:\n  target: none\n  outputs:\n'
  for target in dbt owlet dbt_clones owlet_clones dbt_overrides owlet_overrides dbt_overrides_clones owlet_overrides_clones; do
    printf '    %s: {type: athena, database: awsdatacatalog, schema: %s, region_name: eu-west-1, threads: 4, s3_staging_dir: "s3://results/%s/", s3_data_dir: "s3://results/data-%s/", lf_tags_database: {team: data}, seed_s3_upload_args: {ServerSideEncryption: AES256, Metadata: {by: "%s"}}}\n' \
      "$target" "$target" "$target" "$target" "$target"
  done
} > "$work/profiles/profiles.yml"
export DBT_PROFILES_DIR="$work/profiles" DBT_SEND_ANONYMOUS_USAGE_STATS=false

port="$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
"$owlet" lake serve --listen "127.0.0.1:$port" --dir "$work/lakehouse" >"$work/server.log" 2>&1 &
server=$!
export AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=owlet AWS_SECRET_ACCESS_KEY=owlet AWS_DEFAULT_REGION=eu-west-1
"$venv/bin/python" "$here/compare.py" wait

# A copy each, so that the two can run at the same time.
cp -r "$here/builds" "$work/by-dbt"
cp -r "$here/builds" "$work/by-owlet"
build() { # NAME PROGRAM DIRECTORY TARGET ROUND
  if ! (cd "$work/$3" && "$2" --no-use-colors build --target "$4" --vars "{n: $5}" \
    --event-time-start "2024-01-0$5" --event-time-end "2024-01-0$(($5 + 1))") > "$work/$1.$4.log" 2>&1; then
    cat "$work/$1.$4.log"
    exit 1
  fi
}
both() { # TARGETS' SUFFIX
  for round in 1 2; do
    printf '== round %s%s\n' "$round" "${1:+, parts replaced}"
    build dbt "$venv/bin/dbt" by-dbt "dbt$1" "$round"
    build owlet "$owlet" by-owlet "owlet$1" "$round"
    "$venv/bin/python" "$here/builds.py" schemas "dbt$1" "owlet$1"
  done
  "$venv/bin/python" "$here/builds.py" leftovers "owlet$1"
  printf '== clones%s\n' "${1:+, parts replaced}"
  clones dbt "$venv/bin/dbt" by-dbt "dbt$1"
  clones owlet "$owlet" by-owlet "owlet$1"
  "$venv/bin/python" "$here/builds.py" schemas "dbt$1_clones" "owlet$1_clones"
}
clones() { # NAME PROGRAM DIRECTORY TARGET
  rm -rf "$work/$1.state"
  cp -r "$work/$3/target" "$work/$1.state"
  if ! (cd "$work/$3" && "$2" --no-use-colors clone --state "$work/$1.state" --target "$4_clones" --exclude iceberg --vars '{n: 2}') > "$work/$1.$4.log" 2>&1; then
    cat "$work/$1.$4.log"
    exit 1
  fi
}
both ""
export BUILDS_OVERRIDES=overrides
both "_overrides"
unset BUILDS_OVERRIDES

printf '== what macros see\n'
for program in "$venv/bin/dbt" "$owlet"; do
  name="$(basename "$program")"
  (cd "$work/by-$([ "$name" = dbt ] && echo dbt || echo owlet)" && "$program" --no-use-colors -q run-operation surface --target dbt --vars '{n: 2}') > "$work/surface.$name" 2>&1 \
    || { cat "$work/surface.$name"; exit 1; }
done
if ! diff "$work/surface.dbt" "$work/surface.$(basename "$owlet")"; then
  echo "what macros see differs"
  exit 1
fi
wc -l < "$work/surface.dbt" | xargs printf '%s lines, all the same\n'
