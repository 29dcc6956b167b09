#!/usr/bin/env python3
"""Runs `deps` of dbt Core and of Owlet on equal projects and compares what they leave behind.

    compare_deps.py --owlet /path/to/owlet [--only CASE]      (in an environment with dbt Core)

For each case: exit codes, package-lock.yml and packages.yml byte by byte, and the tree of dbt_packages (names, contents, modes, targets of
links; of `.git` only that it is there). A case may say where Owlet differs on purpose.
"""

import argparse
import contextlib
import io
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from servers import World, archive, project

TOKEN = "s3cr3t-token-of-the-test"


@dataclass
class Case:
    name: str
    files: dict[str, str]
    commands: list[list[str]] = field(default_factory=lambda: [["deps"]])
    # Files that differ on purpose, and why.
    differs: dict[str, str] = field(default_factory=dict)
    fails: bool = False
    # Texts that Owlet's output must hold.
    says: list[str] = field(default_factory=list)


def cases(world: World) -> list[Case]:
    world.publish("acme/utils", {
        "0.9.0": {}, "1.0.0": {}, "1.1.0": {}, "1.2.0": {}, "1.10.0": {}, "2.0.0-rc1": {},
        "3.0.0": {"require_dbt_version": [">=0.1.0", "<1.5.0"]},
    })
    world.publish("acme/audit", {"1.0.0": {"packages": [{"package": "acme/utils", "version": [">=1.0.0", "<1.2.0"]}]}})
    world.publish("acme/strict", {"1.0.0": {"packages": [{"package": "acme/utils", "version": "0.9.0"}]}})
    world.publish("acme/left", {"1.0.0": {"packages": [{"package": "acme/right", "version": ">=1.0.0"}]}})
    world.publish("acme/right", {"1.0.0": {"require_dbt_version": ">=1.0.0"}, "1.0.1": {"require_dbt_version": ">=1.0.0"}})
    world.publish("acme/beta", {"0.1.0-beta.1": {}, "0.1.0-beta.2": {}})
    world.publish("acme/old_name", {"1.0.0": {}}, redirectnamespace="acme", redirectname="new_name")
    world.publish("acme/twin", {"1.0.0": {"name": "utils"}})
    world.publish("acme/linked", {"1.0.0": {"links": {"models/alias.sql": "deep/er/é.sql"}}})
    world.files["own.tar.gz"] = archive("some-folder-1.0", project("own", packages="packages:\n  - package: acme/utils\n    version: 1.1.0\n"))
    world.files["flat.tar.gz"] = archive("a", {"x": "1"})

    repo = world.repository("mart")
    first = repo.commit(project("mart"), tag="v1")
    repo.commit({"models/second.sql": "select 2\n"})
    repo.commit({"models/side.sql": "select 3\n"}, branch="side")
    repo.run("reset", "--quiet", "--hard", "HEAD~1")
    mono = world.repository("mono")
    mono.commit({f"dbt/inner/{name}": text for name, text in project("inner").items()} | {"big/file": "x" * 1000}, tag="1.10")
    nested = world.repository("nested")
    nested.commit(project("nested", packages=f"packages:\n  - git: {repo.file}\n    revision: v1\n  - package: acme/utils\n    version: [\">=1.0.0\", \"<1.3.0\"]\n"), tag="v1")
    private = world.repository("private/vault")
    private.commit(project("vault"), tag="v1")
    secret_url = private.http.replace("http://", "http://user:{{ env_var('DBT_ENV_SECRET_TOKEN') }}@")

    def packages(text: str, **more: str) -> dict[str, str]:
        return {"packages.yml": text, **{name.replace("__", "/"): text for name, text in more.items()}}

    local = {f"lib/tools/{name}": text for name, text in project("tools", packages="packages:\n  - local: lib/base\n").items()}
    local |= {f"lib/base/{name}": text for name, text in project("base").items()}
    return [
        Case("hub: one version", packages("packages:\n  - package: acme/utils\n    version: 1.1.0\n")),
        Case("hub: range", packages("packages:\n  - package: acme/utils\n    version: ['>=1.0.0', '<2.0.0']\n")),
        Case("hub: newest for this dbt, no prerelease", packages("packages:\n  - package: acme/utils\n    version: '>=1.0.0'\n")),
        Case("hub: prereleases", packages("packages:\n  - package: acme/utils\n    version: '>=1.0.0'\n    install_prerelease: true\n")),
        Case("hub: a prerelease by name", packages("packages:\n  - package: acme/beta\n    version: 0.1.0-beta.1\n")),
        Case("hub: only prereleases", packages("packages:\n  - package: acme/beta\n    version: '>=0.0.1'\n"), fails=True),
        Case("hub: version check off", packages("packages:\n  - package: acme/utils\n    version: '>=1.0.0'\n"), [["deps", "--no-version-check"]]),
        Case("hub: packages of packages", packages("packages:\n  - package: acme/audit\n    version: 1.0.0\n  - package: acme/utils\n    version: '>=0.1.0'\n  - package: acme/left\n    version: 1.0.0\n")),
        Case("hub: conflict", packages("packages:\n  - package: acme/audit\n    version: 1.0.0\n  - package: acme/strict\n    version: 1.0.0\n"), fails=True,
             says=["Version error for package acme/utils: Could not find a satisfactory version from options:", "acme/strict 1.0.0 of the hub asks for 0.9.0"]),
        Case("hub: not in the range", packages("packages:\n  - package: acme/utils\n    version: '>=4.0.0'\n"), fails=True, says=["Could not find a matching compatible version for package acme/utils"]),
        Case("hub: unknown", packages("packages:\n  - package: acme/utlis\n    version: 1.0.0\n"), fails=True, says=["Package acme/utlis was not found in the package index"]),
        Case("hub: no version", packages("packages:\n  - package: acme/utils\n    version: '>=1.0.0,<2.0.0'\n"), fails=True, says=["is not a valid semantic version."]),
        Case("hub: float as version", packages("packages:\n  - package: acme/utils\n    version: 1.0\n"), fails=True),
        Case("hub: moved", packages("packages:\n  - package: acme/old_name\n    version: 1.0.0\n"), says=["The `acme/old_name` package is deprecated in favor of `acme/new_name`"]),
        Case("hub: same name twice", packages("packages:\n  - package: acme/utils\n    version: 1.0.0\n  - package: acme/twin\n    version: 1.0.0\n"), fails=True, says=['Found duplicate project "utils"']),
        Case("hub: links in the archive", packages("packages:\n  - package: acme/linked\n    version: 1.0.0\n")),
        Case("git: tag over http", packages(f"packages:\n  - git: {repo.http}\n    revision: v1\n")),
        Case("git: commit", packages(f"packages:\n  - git: {repo.file}\n    revision: {first}\n")),
        Case("git: branch", packages(f"packages:\n  - git: {repo.file}\n    revision: side\n")),
        Case("git: unpinned", packages(f"packages:\n  - git: {repo.file}\n"), says=["is not pinned, using HEAD (default branch)."]),
        Case("git: main", packages(f"packages:\n  - git: {repo.file}\n    revision: main\n"), says=['is pinned to the "main" branch.']),
        Case("git: unpinned without warning", packages(f"packages:\n  - git: {repo.http}\n    warn-unpinned: false\n")),
        Case("git: subdirectory", packages(f"packages:\n  - git: {mono.http}\n    revision: '1.10'\n    subdirectory: dbt/inner\n")),
        Case("git: float as revision", packages(f"packages:\n  - git: {mono.http}\n    revision: 1.10\n    subdirectory: dbt/inner\n"), fails=True),
        Case("git: packages of packages", packages(f"packages:\n  - git: {nested.http}\n    revision: v1\n  - package: acme/utils\n    version: '>=1.1.0'\n")),
        Case("git: two revisions", packages(f"packages:\n  - git: {repo.file}\n    revision: v1\n  - git: {repo.file}\n    revision: side\n"), fails=True, says=["git dependencies should contain exactly one version."]),
        Case("git: no such revision", packages(f"packages:\n  - git: {repo.file}\n    revision: v9\n"), fails=True, says=["Error checking out spec='v9' for repo"]),
        Case("git: no such repository", packages(f"packages:\n  - git: {repo.file}x\n    revision: v1\n"), fails=True),
        Case("git: secret in the address", packages(f"packages:\n  - git: \"{secret_url}\"\n    revision: v1\n")),
        Case("git: secret as a variable", packages("packages:\n  - git: \"{{ env_var('DBT_ENV_SECRET_URL') }}\"\n    revision: v1\n")),
        Case("tarball", packages(f"packages:\n  - tarball: {world.url}own.tar.gz\n    name: own_name\n")),
        Case("tarball: no project in it", packages(f"packages:\n  - tarball: {world.url}flat.tar.gz\n    name: flat\n"), fails=True),
        Case("tarball: no name", packages(f"packages:\n  - tarball: {world.url}own.tar.gz\n"), fails=True),
        Case("local: with its own", packages("packages:\n  - local: lib/tools\n") | local),
        Case("local: not there", packages("packages:\n  - local: lib/nothing\n"), fails=True),
        Case("local: name of the project", packages("packages:\n  - local: lib/tools\n") | {"lib/tools/dbt_project.yml": "name: shop\n"}, fails=True, says=["Found a dependency with the same name as the root project"]),
        Case("dependencies.yml", {"dependencies.yml": "packages:\n  - package: acme/utils\n    version: 1.1.0\nprojects:\n  - name: other\n"}),
        Case("both files", {"packages.yml": "packages: []\n", "dependencies.yml": "packages:\n  - package: acme/utils\n    version: 1.1.0\n"}, fails=True),
        Case("variables", packages("packages:\n  - package: acme/utils\n    version: \"{{ var('wanted') }}\"\n  - local: \"{{ env_var('LIB', 'lib') }}/base\"\n") | local, [["deps", "--vars", "{wanted: 1.0.0}"]]),
        Case("install path", packages("packages:\n  - package: acme/utils\n    version: 1.1.0\n") | {"dbt_project.yml": "name: shop\nprofile: shop\npackages-install-path: vendor\n"}),
        Case("lock only", packages("packages:\n  - package: acme/utils\n    version: 1.1.0\n"), [["deps", "--lock"]]),
        Case("from the lock", packages("packages:\n  - package: acme/utils\n    version: '>=1.0.0'\n", **{"package-lock.yml": "packages:\n  - name: utils\n    package: acme/utils\n    version: 1.1.0\nsha1_hash: 9e9f8f2fd3ae2dc85e4a4d1b2c5b0b1e3a1f0c11\n"})),
        Case("again, then upgraded", packages("packages:\n  - package: acme/utils\n    version: '>=1.0.0'\n  - local: lib/base\n") | local, [["deps"], ["deps"], ["deps", "--upgrade"]]),
        Case("added", packages("packages:\n  - package: acme/audit\n    version: 1.0.0\n"), [["deps", "--add-package", "acme/utils@>=1.0.0,<2.0.0"], ["deps"]]),
        Case("added in the place of another", packages(f"packages:\n  - git: {repo.http}\n    revision: v1\n    warn-unpinned: false\n  - package: acme/utils\n    version: 1.0.0\n"), [["deps", "--add-package", "acme/utils@1.1.0"], ["deps"]]),
        Case("added to nothing, from git", {}, [["deps", "--add-package", f"{repo.http}@v1", "--source", "git"], ["deps"]]),
        Case("added from here", {**local}, [["deps", "--add-package", "lib/base", "--source", "local"], ["deps"]]),
        Case("added without version", {}, [["deps", "--add-package", "acme/utils"]], fails=True),
        Case("nothing", {}),
        Case("nothing in it", packages("packages: []\n")),
        Case("malformed", packages("packages:\n  - package: acme/utils\n    version: 1.1.0\n    pin: true\n"), fails=True),
        Case("unknown key", packages("package:\n  - package: acme/utils\n    version: 1.1.0\n"), fails=True),
        Case("projects in packages.yml", packages("projects:\n  - name: other\n"), fails=True),
    ]


def lay(case: Case, folder: Path):
    files = {"dbt_project.yml": "name: shop\nprofile: shop\nmodels:\n  +schema: \"{{ target.schema }}\"\n", **case.files}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def tree(folder: Path, root: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        parts = Path(name).parts
        if ".git" in parts:
            found["/".join(parts[: parts.index(".git") + 1])] = "a repository"
        elif path.is_symlink():
            found[name] = "→ " + os.readlink(path).replace(str(root), "<root>")
        elif path.is_dir():
            found[name] = "folder"
        else:
            mode = "executable" if path.stat().st_mode & stat.S_IXUSR else "file"
            found[name] = f"{mode} {path.read_bytes()!r}"
    return found


def run_owlet(owlet: str, folder: Path, arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run([owlet, *arguments], cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def run_dbt(folder: Path, arguments: list[str]) -> tuple[int, str]:
    """In this process: starting dbt anew for every command takes most of the time."""
    import dbt.deps.base
    from dbt.cli.main import dbtRunner

    # What a failed command leaves behind.
    dbt.deps.base.DOWNLOADS_PATH = None
    os.chdir(folder)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        done = dbtRunner().invoke(arguments)
    return int(not done.success), said.getvalue() + str(done.exception or "")


def outcome(case: Case, folder: Path, run) -> tuple[list[int], dict[str, str], str]:
    lay(case, folder)
    codes, output = [], ""
    for arguments in case.commands:
        code, said = run(folder, arguments)
        codes.append(code)
        output += said
    left = {}
    for name in ("package-lock.yml", "packages.yml", "dependencies.yml"):
        path = folder / name
        left[name] = path.read_text() if path.exists() else "no file"
    for name in ("dbt_packages", "vendor"):
        left |= {f"{name}/{path}": what for path, what in tree(folder / name, folder).items()}
        left[name] = str((folder / name).exists())
    left["rubbish"] = str([path.name for path in folder.iterdir() if path.name.startswith(".dbt_packages")])
    return codes, left, output


def check(case: Case, owlet: str) -> list[str]:
    folder = Path(tempfile.mkdtemp(prefix="dbt-deps-"))
    their_codes, theirs, their_output = outcome(case, folder / "theirs", run_dbt)
    environment = dict(os.environ)
    our_codes, ours, our_output = outcome(case, folder / "ours", lambda *args: run_owlet(owlet, *args, environment))
    wrong = []
    if case.fails and 0 in (their_codes[-1], our_codes[-1]):
        wrong.append(f"expected to fail: ours {our_codes}, theirs {their_codes}")
    if not case.fails and any(our_codes + their_codes):
        wrong.append(f"exit codes: ours {our_codes}, theirs {their_codes}")
    if not case.fails:
        for name in sorted(set(ours) | set(theirs)):
            if ours.get(name) != theirs.get(name) and name not in case.differs:
                wrong.append(f"{name}:\n    ours:   {ours.get(name)!r}\n    theirs: {theirs.get(name)!r}")
    flat = " ".join(our_output.split())
    wrong += [f"does not say {text!r}" for text in case.says if " ".join(text.split()) not in flat]
    if TOKEN in our_output or any(TOKEN in text for text in ours.values()):
        wrong.append("shows the secret")
    for config in (folder / "ours").rglob("dbt_packages/*/.git/**/*"):
        if config.is_file() and TOKEN.encode() in config.read_bytes():
            wrong.append(f"keeps the secret in {config.name}")
    if "panicked" in our_output:
        wrong.append("panics")
    if wrong:
        return [*wrong, "ours said:\n" + our_output, "theirs said:\n" + their_output]
    os.chdir("/")
    shutil.rmtree(folder)
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--owlet", required=True)
    parser.add_argument("--only")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dbt-deps-world-"))
    world = World(folder)
    os.environ |= {
        "DBT_PACKAGE_HUB_URL": world.url, "DBT_ENV_SECRET_TOKEN": TOKEN, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
        "DBT_ENV_SECRET_URL": f"{world.url}git/private/vault.git".replace("http://", f"http://user:{TOKEN}@"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "GIT_TERMINAL_PROMPT": "0",
    }
    failed = total = 0
    for case in cases(world):
        if args.only and args.only not in case.name:
            continue
        total += 1
        wrong = check(case, args.owlet)
        print(f"{'DIFFERS' if wrong else 'ok':8}{case.name}", flush=True)
        for line in wrong:
            print("   ", line)
        failed += bool(wrong)
    shutil.rmtree(folder)
    print(f"{total - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
