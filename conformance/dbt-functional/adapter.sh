#!/usr/bin/env bash
# What dbt asks of every adapter (classes of dbt-tests-adapter), of Owlet on a lakehouse of its own.
#
#   conformance/dbt-functional/adapter.sh [path of the owlet binary]
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

port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
"$owlet" lake serve --listen "127.0.0.1:$port" --dir "$work/lake" >"$work/server.log" 2>&1 &
server=$!
export AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=owlet AWS_SECRET_ACCESS_KEY=owlet AWS_DEFAULT_REGION=eu-west-1
for _ in $(seq 100); do
  python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))" 2>/dev/null && break
  sleep 0.1
done
# dbt's fixtures write their logs beside the tests.
cp -r "$here/adapter" "$work/adapter"
"$here/run.sh" "$owlet" "$work/adapter" -n 2 .
