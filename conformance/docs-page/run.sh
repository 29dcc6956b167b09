#!/usr/bin/env bash
# The documentation page in headless Chromium: search, a model, the lineage of the example and of a project with 2,000 models.
#
#   conformance/docs-page/run.sh [path of the owlet binary]
#
# Wants `chromium` (apt install chromium) and Python; without Chromium it says so and does nothing.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
owlet="${1:-${CARGO_TARGET_DIR:-$root/target}/debug/owlet}"
chromium="$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)"
if [ -z "$chromium" ]; then
  echo "no Chromium here: the page was not looked at"
  exit 0
fi
python3 "$here/look.py" --owlet "$owlet" --chromium "$chromium" --example "$root/examples/flights"
