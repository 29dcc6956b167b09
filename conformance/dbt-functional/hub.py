"""A package hub on this machine, of packages that lie here as git repositories, for tests that install packages where the hub cannot be reached.

    hub.py 4699 dbt-labs/dbt_utils=path/to/dbt-utils fishtown-analytics/dbt_utils=dbt-labs/dbt_utils …

The second is a package that moved. The tests then run with DBT_PACKAGE_HUB_URL=http://127.0.0.1:4699/. What they fetch from GitHub itself comes from a folder of such repositories with
GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=url.FOLDER/.insteadOf GIT_CONFIG_VALUE_0=https://github.com/
"""

import http.server
import json
import re
import subprocess
import sys

import yaml

PORT = int(sys.argv[1])
GIVEN = dict(argument.split("=", 1) for argument in sys.argv[2:])
# New names of packages that moved.
MOVED = {name: place for name, place in GIVEN.items() if place in GIVEN}
REPOSITORIES = {name: GIVEN[MOVED.get(name, name)] for name in GIVEN}


def git(repository, *arguments):
    return subprocess.run(["git", "-C", repository, *arguments], capture_output=True, check=True).stdout


def versions(repository):
    """Versions and their tags, some of which begin with a `v`."""
    tags = git(repository, "tag", "--sort=version:refname").decode().split()
    return {tag.removeprefix("v"): tag for tag in tags if re.match(r"v?\d+\.\d+\.\d+", tag)}


def packages(repository, tag):
    """What a version needs: the hub repeats its packages.yml."""
    try:
        return (yaml.safe_load(git(repository, "show", f"{tag}:packages.yml")) or {}).get("packages", [])
    except subprocess.CalledProcessError:
        return []


def version(name, repository, number, tag):
    project = yaml.safe_load(git(repository, "show", f"{tag}:dbt_project.yml")) or {}
    needed = project.get("require-dbt-version", [])
    return {
        "id": f"{name}/{number}",
        "name": name.split("/")[1],
        "version": number,
        "published_at": "",
        "packages": packages(repository, tag),
        "require_dbt_version": [needed] if isinstance(needed, str) else needed,
        "works_with": [],
        "_source": {"type": "github", "url": "", "readme": ""},
        "downloads": {"tarball": f"http://127.0.0.1:{PORT}/{name}/{number}.tar.gz", "format": "tgz", "sha1": ""},
        "fusion_compatibility": None,
    }


def package(name, repository):
    known = versions(repository)
    owner, short = name.split("/")
    new_owner, new_short = MOVED[name].split("/") if name in MOVED else (None, None)
    names = {"name": short, "namespace": owner, "redirectname": new_short, "redirectnamespace": new_owner, "description": ""}
    latest = [number for number in known if number.replace(".", "").isdigit()][-1]
    return {**names, "latest": latest, "versions": {number: version(name, repository, number, tag) for number, tag in known.items()}}


def answer(path):
    if path == "/api/v1/index.json":
        return json.dumps(list(REPOSITORIES)).encode()
    for name, repository in REPOSITORIES.items():
        if path == f"/api/v1/{name}.json":
            return json.dumps(package(name, repository)).encode()
        if path.startswith(f"/{name}/") and path.endswith(".tar.gz"):
            number = path.removeprefix(f"/{name}/").removesuffix(".tar.gz")
            return git(repository, "archive", "--format=tar.gz", f"--prefix={name.split('/')[1]}-{number}/", versions(repository)[number])
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = answer(self.path)
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
