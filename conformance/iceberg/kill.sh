#!/bin/sh
# Kills the writer at many moments and checks that every table it had committed is whole.
set -eu
cd "$(dirname "$0")"
venv="${OWLET_VENV:-$HOME/.cache/owlet/venv-iceberg}"
cargo build --quiet --package lake --example write_iceberg
writer="${CARGO_TARGET_DIR:-../../target}/debug/examples/write_iceberg"
for moment in ${MOMENTS:-0.05 0.1 0.2 0.3 0.4 0.5 0.7 0.9}; do
    directory="$(mktemp -d)"
    timeout --signal=KILL "$moment" "$writer" "$directory" || true
    "$venv/bin/python" check.py "$directory" readable
    rm -rf "$directory"
done
