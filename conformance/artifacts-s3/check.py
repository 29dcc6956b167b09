"""Artifacts in S3: what commands leave goes into a bucket of moto, comes back as it was, is kept once, and goes with its runs."""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import zstandard
from moto.server import ThreadedMotoServer

PREFIX = "team a/ärtefacts/"
FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\n",
    "models/orders.sql": "select 1 as id",
    # Larger than what is sent as one piece elsewhere, and it does not compress.
    "blob.py": "import os, pathlib\npathlib.Path('target').mkdir(exist_ok=True)\n"
    "pathlib.Path('target/blob.json').write_text(os.urandom(9 << 20).hex())\n",
    "paradime_schedules.yml": json.dumps({
        "version": 1,
        "schedules": [
            {"name": slug, "slug": slug, "environment": "production", "schedule": "OFF", "commands": commands}
            for slug, commands in {"builds": ["dbt build"], "blob": ["python3 blob.py"]}.items()
        ],
    }),
}
NOT_OURS = {f"{PREFIX}notes.txt", f"{PREFIX}ab/other.zst", "elsewhere/" + "ab/" + "ab" * 32 + ".zst"}


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    def __init__(self, program, folder, environment, place):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.program, self.folder = program, folder
        words = [program, "up", "--listen", f"127.0.0.1:{self.port}", "--lake-listen", "127.0.0.1:0", "--artifacts", place]
        self.log = open(folder.parent / "log", "a+")
        self.process = subprocess.Popen(words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def __enter__(self):
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.endpoint}/readyz", timeout=5).close()
                return self
            assert time.monotonic() < deadline and self.process.poll() is None, "the server does not start"
            time.sleep(0.2)

    def __exit__(self, *error):
        self.process.terminate()
        assert self.process.wait(60) == 0 or error[0]

    def bolt(self, *words):
        return subprocess.run([self.program, "bolt", *words, "--endpoint", self.endpoint], cwd=self.folder, capture_output=True)

    def run(self, slug):
        done = self.bolt("run", slug, "--wait")
        return done.returncode, done.stdout.decode() + done.stderr.decode()

    def json(self, path):
        with urllib.request.urlopen(f"{self.endpoint}{path}", timeout=30) as answer:
            return json.load(answer)


def main():
    program = Path(sys.argv[1])
    folder = Path(tempfile.mkdtemp(prefix="owlet-artifacts-"))
    shop = folder / "shop"
    for name, text in FILES.items():
        (shop / name).parent.mkdir(parents=True, exist_ok=True)
        (shop / name).write_text(text)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    moto.start()
    address = "http://%s:%d" % moto.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "AKIAX", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}
    environment = {**os.environ, **keys, "AWS_ENDPOINT_URL_S3": address}
    s3 = boto3.client("s3", endpoint_url=address, region_name="eu-west-1", aws_access_key_id="AKIAX", aws_secret_access_key="secret")
    place = f"s3://artifacts/{PREFIX}"

    def objects():
        found = {}
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket="artifacts"):
            found |= {item["Key"]: item for item in page.get("Contents", [])}
        return {key: item for key, item in found.items() if key not in NOT_OURS}

    is_done = False
    try:
        words = [program, "up", "--listen", "127.0.0.1:0", "--lake-listen", "127.0.0.1:0", "--artifacts", place]
        refused = subprocess.run(words, cwd=shop, env=environment, capture_output=True, text=True, timeout=60)
        assert refused.returncode != 0 and "fix:" in refused.stderr and "NoSuchBucket" in refused.stderr, refused
        print("a bucket that is not there:", [line for line in refused.stderr.splitlines() if "cause" in line][0].strip())

        s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        for key in NOT_OURS:
            s3.put_object(Bucket="artifacts", Key=key, Body=b"not ours")
        with Server(program, shop, environment, place) as server:
            server.bolt("deploy", "--yes")
            for slug in ("builds", "builds", "blob"):
                code, said = server.run(slug)
                assert code == 0, said
            kept = objects()
            for key in kept:
                content = zstandard.ZstdDecompressor().decompressobj().decompress(s3.get_object(Bucket="artifacts", Key=key)["Body"].read())
                digest = hashlib.sha256(content).hexdigest()
                assert key == f"{PREFIX}{digest[:2]}/{digest}.zst", key
            artifacts = {run: server.json(f"/api/v1/runs/{run}/artifacts")["items"] for run in (1, 2, 3)}
            assert {"target/manifest.json", "target/run_results.json"} <= {item["path"] for item in artifacts[1]}, artifacts[1]
            rows = [item for items in artifacts.values() for item in items]
            assert len(kept) < len(rows), "what is the same is kept once"
            for item in rows:
                with urllib.request.urlopen(item["url"], timeout=60) as answer:
                    content = answer.read()
                assert len(content) == item["size_in_bytes"] and f"{PREFIX}{hashlib.sha256(content).hexdigest()[:2]}/{hashlib.sha256(content).hexdigest()}.zst" in kept, item
            fetched = server.bolt("artifacts", "1", "--fetch", "target/run_results.json")
            assert json.loads(fetched.stdout)["results"][0]["unique_id"] == "model.shop.orders", fetched
            blob = next(item for item in artifacts[3] if item["path"] == "target/blob.json")
            assert blob["size_in_bytes"] == 18 << 20
            print(f"{len(rows)} artifacts of 3 runs in {len(kept)} objects, each named by its content, all read back as they were; one of 18 MiB")

            # The bucket loses one.
            lost = hashlib.sha256(fetched.stdout).hexdigest()
            s3.delete_object(Bucket="artifacts", Key=f"{PREFIX}{lost[:2]}/{lost}.zst")
            url = next(item["url"] for item in artifacts[1] if item["path"] == "target/run_results.json")
            try:
                urllib.request.urlopen(url, timeout=30)
                raise AssertionError("an artifact that is gone was answered")
            except urllib.error.HTTPError as error:
                assert error.code in (404, 410), (error.code, error.read())
                print("one that the bucket lost:", error.code, json.load(error)["error"])

            # It takes nothing while a command ends: what was built is built, but people are told.
            urllib.request.urlopen(urllib.request.Request(f"{server.endpoint}/api/v1/settings/notifications", method="PUT", headers={"content-type": "application/json"},
                data=json.dumps({"webhooks": {"ops": {"url": f"http://127.0.0.1:{free_port()}/"}}, "system": {"webhooks": ["ops"]}}).encode())).close()
            s3.delete_objects(Bucket="artifacts", Delete={"Objects": [{"Key": key} for key in [*objects(), *NOT_OURS]]})
            s3.delete_bucket(Bucket="artifacts")
            code, said = server.run("blob")
            assert code == 0 and "target/blob.json is not stored" in said and "NoSuchBucket" in said, said
            with contextlib.closing(sqlite3.connect(shop / ".owlet" / "scheduler.db")) as database:
                told = database.execute("SELECT payload FROM outbox WHERE dedupe_key LIKE 'system:artifacts:%'").fetchall()
            assert len(told) >= 1 and "NoSuchBucket" in told[0][0], told
            print("while the bucket is away: the run's log and the receivers of system problems say so")
            s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
            for key in NOT_OURS:
                s3.put_object(Bucket="artifacts", Key=key, Body=b"not ours")
            for slug in ("builds", "blob"):
                assert server.run(slug)[0] == 0

        # A hundred days pass, in which the schedules run as often as is kept.
        with contextlib.closing(sqlite3.connect(shop / ".owlet" / "scheduler.db")) as database:
            columns = "schedule_id, attempt, cause, actor, spec, state, created_at, not_before, started_at, ended_at"
            for slug in ("builds", "blob"):
                for newer in range(20):
                    database.execute(
                        f"INSERT INTO run (uuid, {columns}) SELECT r.uuid || '-{newer}', {columns.replace('created_at', 'r.created_at')} FROM run r JOIN schedule s ON s.id = r.schedule_id "
                        "WHERE s.slug = ? AND r.id <= 6 ORDER BY r.id DESC LIMIT 1",
                        [slug],
                    )
            database.execute("UPDATE run SET family_id = id WHERE family_id IS NULL")
            past = 100 * 86400 * 10**6
            database.execute("UPDATE run SET created_at = created_at - ?, ended_at = ended_at - ? WHERE id <= 6", [past, past])
            database.commit()
        before = len(objects())
        assert before > 0
        with Server(program, shop, environment, place):
            deadline = time.monotonic() + 90
            while objects():
                assert time.monotonic() < deadline, objects()
                time.sleep(0.2)
        left = {item["Key"] for item in s3.list_objects_v2(Bucket="artifacts")["Contents"]}
        assert left == NOT_OURS, left
        print(f"{before} objects went with their runs; what is not ours stayed")
        is_done = True
    finally:
        moto.stop()
        if not is_done:
            print((folder / "log").read_text()[-4000:] if (folder / "log").exists() else "", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)


main()
