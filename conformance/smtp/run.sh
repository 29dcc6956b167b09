#!/usr/bin/env bash
# Mails of `owlet up` to a mail server that wants STARTTLS, to one that wants TLS from the first byte, and to those that nothing may be sent to.
#
#   conformance/smtp/run.sh path/to/owlet
#
# Needs Python 3.10 or later and openssl; the packages of requirements.txt go into a virtual environment.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
owlet=$(realpath "$1")
venv="${XDG_CACHE_HOME:-$HOME/.cache}/owlet/venv-smtp"

if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi
PYTHONPATH=$here/../chaos "$venv/bin/python" -W ignore "$here/check.py" "$owlet"
