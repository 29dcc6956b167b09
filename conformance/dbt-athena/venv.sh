# Sourced: `venv` becomes the environment that has dbt Core with dbt-athena, made when it is not there.
venv="${XDG_CACHE_HOME:-$HOME/.cache}/owlet/venv-dbt-athena"
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --only-binary=:all: -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi
