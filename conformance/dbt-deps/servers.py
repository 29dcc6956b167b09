"""A package hub, a file server and a git server on one port, and the packages they serve."""

import hashlib
import http.server
import io
import json
import os
import subprocess
import tarfile
import threading
from pathlib import Path

GIT_ENV = {
    **os.environ,
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z",
    "GIT_CONFIG_NOSYSTEM": "1",
}


def archive(top: str, files: dict[str, str], links: dict[str, str] | None = None) -> bytes:
    """A .tar.gz with one folder, as code hosts make them."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        folder = tarfile.TarInfo(top)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        for name, text in files.items():
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mode = len(text.encode()), 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return data.getvalue()


def project(name: str, version: str = "1.0.0", packages: str | None = None) -> dict[str, str]:
    files = {
        "dbt_project.yml": f"name: {name}\nversion: {version}\n",
        f"macros/{name}.sql": f"{{% macro {name}_version() %}}{version}{{% endmacro %}}\n",
        "run.sh": "#!/bin/sh\n",
        "models/deep/er/é.sql": "select 1\n",
    }
    return {**files, "packages.yml": packages} if packages else files


class World:
    """Everything that can be installed."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.files: dict[str, bytes] = {}
        self.packages: dict[str, dict] = {}
        self.requests: list[str] = []
        world = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                world.answer(self)

            def do_POST(self):
                world.answer(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    # The hub.

    def publish(self, package: str, versions: dict[str, dict], **redirect: str):
        """`versions`: version → {packages, require_dbt_version, name}."""
        namespace, name = package.split("/")
        published = {}
        for version, about in versions.items():
            own_name = about.get("name", name)
            path = f"tar/{namespace}/{name}/{version}.tar.gz"
            data = archive(f"{namespace}-{name}-{version}", project(own_name, version), about.get("links"))
            self.files[path] = data
            published[version] = {
                "id": f"{package}/{version}",
                "name": own_name,
                "version": version,
                "packages": about.get("packages", []),
                "require_dbt_version": about.get("require_dbt_version", []),
                "downloads": {"tarball": self.url + path, "format": "tgz", "sha1": about.get("sha1", hashlib.sha1(data).hexdigest())},
            }
        self.packages[package] = {"name": name, "namespace": namespace, "latest": list(versions)[-1], "versions": published, **redirect}

    def answer(self, request: http.server.BaseHTTPRequestHandler):
        path = request.path.split("?")[0].lstrip("/")
        self.requests.append(path)
        if path.startswith("git/"):
            return self.git(request)
        if path == "api/v1/index.json":
            return self.send(request, json.dumps(list(self.packages)).encode(), "application/json")
        if path.startswith("api/v1/") and (package := self.packages.get(path[7:-5])):
            return self.send(request, json.dumps(package).encode(), "application/json")
        if path in self.files:
            return self.send(request, self.files[path], "application/octet-stream")
        request.send_error(404)

    @staticmethod
    def send(request, body: bytes, kind: str, status: int = 200):
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    # git, through its own CGI program.

    def repository(self, name: str) -> "Repository":
        return Repository(self, name)

    def git(self, request):
        path, _, query = request.path.partition("?")
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if request.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(request.rfile.readline(), 16):
                body += request.rfile.read(size)
                request.rfile.readline()
            request.rfile.readline()
        path = path.removeprefix("/git")
        if path.startswith("/private"):
            if request.headers.get("Authorization") is None:
                request.send_response(401)
                request.send_header("WWW-Authenticate", 'Basic realm="git"')
                request.send_header("Content-Length", "0")
                return request.end_headers()
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            env={
                **GIT_ENV,
                "GIT_PROJECT_ROOT": str(self.folder / "git"), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
                "REQUEST_METHOD": request.command, "CONTENT_TYPE": request.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""), "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
                "REMOTE_ADDR": "127.0.0.1",
            },
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = int(headers.pop("Status", "200").split()[0])
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


class Repository:
    """A bare repository that is served as git/<name>.git."""

    def __init__(self, world: World, name: str):
        self.work = world.folder / "work" / name
        self.bare = world.folder / "git" / f"{name}.git"
        self.http = f"{world.url}git/{name}.git"
        self.file = f"file://{self.bare}"
        self.work.mkdir(parents=True)
        self.bare.parent.mkdir(parents=True, exist_ok=True)
        self.run("init", "--quiet", "--initial-branch=main")
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare)], check=True, env=GIT_ENV)
        self.run("remote", "add", "origin", str(self.bare))

    def run(self, *arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=self.work, check=True, capture_output=True, text=True, env=GIT_ENV).stdout.strip()

    def commit(self, files: dict[str, str], tag: str | None = None, branch: str = "main") -> str:
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.run("add", "--all")
        self.run("commit", "--quiet", "--allow-empty", "-m", "change")
        if tag:
            self.run("tag", "-a", tag, "-m", tag)
        self.run("push", "--quiet", "origin", f"HEAD:{branch}", "--tags")
        return self.run("rev-parse", "HEAD")
