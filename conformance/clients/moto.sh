#!/usr/bin/env bash
# Our own client (crate `athena-client`) against a server that is not ours: moto in server mode, for Glue, Lake Formation, S3 and STS.
#
#   ./moto.sh
#
# Needs Python 3.10 or later; moto goes into $VENV.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=${VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/owlet/venv-clients}
server=
trap '[ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true' EXIT

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: 'moto[server]==5.2.5'
port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >/dev/null 2>&1 &
server=$!
"$venv/bin/python" "$here/wait_for.py" "$port"
# There is no call of ours that creates a tag, nor does a build ever.
AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=secret AWS_DEFAULT_REGION=us-east-1 \
  "$venv/bin/python" -c 'import boto3; boto3.client("lakeformation").create_lf_tag(TagKey="pii", TagValues=["yes", "no"])'
cd "$here/../.."
OWLET_THIRD_PARTY_ENDPOINT=http://127.0.0.1:$port cargo test -p athena-client --features third-party --test it third_party -- --nocapture
