#!/bin/sh
# Writes Iceberg tables with Owlet and reads them with pyiceberg and DuckDB.
set -eu
cd "$(dirname "$0")"
venv="${OWLET_VENV:-$HOME/.cache/owlet/venv-iceberg}"
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --only-binary=:all: 'pyiceberg[pyarrow]' duckdb
fi
directory="$(mktemp -d)"
trap 'rm -rf "$directory"' EXIT
cargo run --quiet --package lake --example write_iceberg -- "$directory"
"$venv/bin/python" check.py "$directory"
