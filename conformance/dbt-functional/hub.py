"""A package hub on this machine, of packages that lie here as git repositories, for tests that install packages where the hub cannot be reached.

    hub.py 4699 dbt-labs/dbt_utils=path/to/dbt-utils …

The tests then run with DBT_PACKAGE_HUB_URL=http://127.0.0.1:4699/. What they fetch from GitHub itself comes from a folder of such repositories with
GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=url.FOLDER/.insteadOf GIT_CONFIG_VALUE_0=https://github.com/
"""

import http.server
import json
import subprocess
import sys

import yaml

PORT = int(sys.argv[1])
REPOSITORIES = dict(argument.split("=", 1) for argument in sys.argv[2:])


def git(repository, *arguments):
    return subprocess.run(["git", "-C", repository, *arguments], capture_output=True, check=True).stdout


def version(name, repository, tag):
    project = yaml.safe_load(git(repository, "show", f"{tag}:dbt_project.yml")) or {}
    needed = project.get("require-dbt-version", [])
    return {
        "id": f"{name}/{tag}",
        "name": name.split("/")[1],
        "version": tag,
        "published_at": "",
        "packages": [],
        "require_dbt_version": [needed] if isinstance(needed, str) else needed,
        "works_with": [],
        "_source": {"type": "github", "url": "", "readme": ""},
        "downloads": {"tarball": f"http://127.0.0.1:{PORT}/{name}/{tag}.tar.gz", "format": "tgz", "sha1": ""},
        "fusion_compatibility": None,
    }


def package(name, repository):
    tags = [tag for tag in git(repository, "tag").decode().split() if tag[0].isdigit()]
    owner, short = name.split("/")
    names = {"name": short, "namespace": owner, "redirectname": None, "redirectnamespace": None, "description": ""}
    return {**names, "latest": tags[-1], "versions": {tag: version(name, repository, tag) for tag in tags}}


def answer(path):
    if path == "/api/v1/index.json":
        return json.dumps(list(REPOSITORIES)).encode()
    for name, repository in REPOSITORIES.items():
        if path == f"/api/v1/{name}.json":
            return json.dumps(package(name, repository)).encode()
        if path.startswith(f"/{name}/") and path.endswith(".tar.gz"):
            tag = path.removeprefix(f"/{name}/").removesuffix(".tar.gz")
            return git(repository, "archive", "--format=tar.gz", f"--prefix={name.split('/')[1]}-{tag}/", tag)
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
