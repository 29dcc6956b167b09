#!/usr/bin/env bash
# The manifests of each of our own projects, by dbt Core and by Owlet, member by member; what dbt said of semantic layers and of mistakes.
#
#   conformance/dbt-parity/run.sh [path of the owlet binary]
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
owlet="${1:-${CARGO_TARGET_DIR:-$root/target}/debug/owlet}"
venv="${XDG_CACHE_HOME:-$HOME/.cache}/owlet/venv-dbt-parity"
export DBT_SEND_ANONYMOUS_USAGE_STATS=false

if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --only-binary=:all: -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi

for project in crates/engine/tests/projects/shop examples/flights conformance/dbt-parity/projects/corners; do
  printf '== %s\n' "$project"
  "$venv/bin/python" "$here/compare_manifest.py" --owlet "$owlet" --project "$root/$project" --dbt "$venv/bin/dbt"
done

copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
printf '== conformance/dbt-parity/projects/nooks, with dbt-athena\n'
cp -r "$here/projects/nooks" "$copy/nooks"
"$venv/bin/python" "$here/parity.py" "$copy/nooks" --owlet "$owlet" --out "$copy/out" --selections 40

printf '== options of the commands\n'
"$venv/bin/python" "$root/conformance/dbt-functional/options.py" "$owlet"

printf '== semantic layers that dbt refuses or warns of\n'
"$venv/bin/python" "$here/semantics.py" --owlet "$owlet"

printf '== how layers of configs meet\n'
"$venv/bin/python" "$here/values.py" --owlet "$owlet" --layers model seed snapshot test source exposure unit_test function

printf '== one mistake at a time\n'
cp -r "$here/projects/corners" "$copy/corners"
printf 'corners: {target: dev, outputs: {dev: {type: athena, region_name: eu-west-1, s3_staging_dir: "s3://a/b", schema: dev, database: awsdatacatalog}}}\n' > "$copy/profiles.yml"
"$owlet" deps --project-dir "$copy/corners" --profiles-dir "$copy" > /dev/null
"$venv/bin/python" "$here/mistakes.py" "$copy/corners" --owlet "$owlet" --replay
