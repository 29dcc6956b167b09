"""A dbt project on the lakehouse, and the two ways in which a server's runs reach it."""

import json
import os
import subprocess

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def write_project(folder, endpoint, models, schema="chaos"):
    """Writes it, and returns its target."""
    target = {
        "type": "athena",
        "schema": schema,
        "database": "awsdatacatalog",
        "region_name": "eu-west-1",
        "endpoint_url": endpoint,
        "s3_staging_dir": f"s3://results/{schema}/",
        "aws_access_key_id": "owlet",
        "aws_secret_access_key": "owlet",
    }
    profiles = {"chaos": {"target": "prod", "outputs": {"prod": target}}}
    files = {"dbt_project.yml": "name: chaos\nprofile: chaos\n", "profiles.yml": json.dumps(profiles), **models}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return target


def owlet(program, folder, *words, stdin=""):
    environment = {**os.environ, "OWLET_SECRET_KEY": KEY}
    done = subprocess.run([program, *words], cwd=folder, env=environment, input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"owlet {' '.join(map(str, words))} failed\n{done.stdout}{done.stderr}")
    return done.stdout


def environments(program, folder, database, server, target):
    """`connected` has a connection, `profiled` the project's own profiles.yml."""
    state = ["--database-url", database.url] if database.url else ["--dir", server.folder / "state"]
    keys = [f"{key}={value}" for key, value in target.items() if key not in ("type", "aws_secret_access_key")]
    owlet(program, folder, "connection", "add", "lake", *keys, "--secret", "aws_secret_access_key", *state, stdin="owlet")
    for slug, connection in [("connected", ["--connection", "lake"]), ("profiled", [])]:
        owlet(program, folder, "environment", "set", slug, "--path", folder, "--target-name", "prod", *connection, *state)
