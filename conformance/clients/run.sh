#!/usr/bin/env bash
# Unmodified AWS clients against the embedded lakehouse.
#
#   OWLET=target/debug/owlet ./run.sh [boto3|pyathena|awswrangler]...
#
# Needs Python 3.10 or later; the packages of requirements.txt go into $VENV. With AWS_ENDPOINT_URL set, that server is used instead of
# a fresh one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=${VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/owlet/venv-clients}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true; rm -rf "$work"' EXIT

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: -r "$here/requirements.txt"

if [ -z "${AWS_ENDPOINT_URL:-}" ]; then
  owlet=${OWLET:-$(cd "$here/../.." && pwd)/target/debug/owlet}
  port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$owlet" lake serve --listen "127.0.0.1:$port" --dir "$work/lake" &
  server=$!
  export AWS_ENDPOINT_URL=http://127.0.0.1:$port
  "$venv/bin/python" "$here/wait_for.py" "$port"
fi

export AWS_ACCESS_KEY_ID=${AWS_ACCESS_KEY_ID:-owlet} AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY:-owlet}
export AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-us-east-1} AWS_EC2_METADATA_DISABLED=true
# The AWS C++ SDK inside pyarrow takes a region from here too, and must not look for a profile.
export AWS_REGION=$AWS_DEFAULT_REGION AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null

failed=0
[ $# -gt 0 ] || set -- boto3 pyathena awswrangler
for client in "$@"; do
  echo "== $client"
  "$venv/bin/python" "$here/check_$client.py" || failed=1
done
exit $failed
