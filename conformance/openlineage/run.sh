#!/usr/bin/env bash
# The OpenLineage events of `owlet up`, read with the classes of OpenLineage's Python client and checked against the specification's JSON schemas; and its
# traces, read with the messages of opentelemetry-proto.
#
#   conformance/openlineage/run.sh path/to/owlet [folder]
#
# `folder` is `spec` of a checkout of OpenLineage/OpenLineage; without it the classes alone judge. Needs Python 3.10 or later; the packages of
# requirements.txt go into a virtual environment.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
owlet=$(realpath "$1")
spec=${2:+$(realpath "$2")}
venv="${XDG_CACHE_HOME:-$HOME/.cache}/owlet/venv-openlineage"

if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi
"$venv/bin/python" "$here/check.py" "$owlet" ${spec:+"$spec"}
