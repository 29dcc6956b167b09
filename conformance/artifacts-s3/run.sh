#!/usr/bin/env bash
# Artifacts of `owlet up` in a bucket that is not ours: moto in server mode.
#
#   conformance/artifacts-s3/run.sh path/to/owlet
#
# Needs Python 3.10 or later; the packages of requirements.txt go into a virtual environment.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
owlet=$(realpath "$1")
venv="${XDG_CACHE_HOME:-$HOME/.cache}/owlet/venv-artifacts-s3"

if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi
"$venv/bin/python" -W ignore "$here/check.py" "$owlet"
