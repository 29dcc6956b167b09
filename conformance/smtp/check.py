"""Mail servers by aiosmtpd with a self-made certificate, which the server under test trusts by SSL_CERT_FILE, or does not."""

import json
import logging
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from project import owlet
from world import Server, Sqlite, free_port, wait_until


class Inbox:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, _, envelope):
        self.mails.append({"tls": server.transport.get_extra_info("ssl_object") is not None, "to": envelope.rcpt_tos, "text": envelope.content.decode()})
        return "250 taken"


USER, PASSWORD = "owlet@acme.example", "correct horse battery staple"


class MailServer(Controller):
    """`starttls` wants it before mail, `tls` speaks nothing else, `none` knows neither. With `login` it takes mail only of who has the password."""

    def __init__(self, security, context, login=False):
        self.security, self.context, self.login, self.logins = security, context, login, []
        wrapped = {"ssl_context": context} if security == "tls" else {}
        super().__init__(Inbox(), hostname="127.0.0.1", port=free_port(), ready_timeout=30, **wrapped)

    def factory(self):
        # Under TLS from the first byte, aiosmtpd does not know that the line is safe.
        login = {"authenticator": self.authenticate, "auth_required": True, "auth_require_tls": self.security == "starttls"} if self.login else {}
        if self.security == "starttls":
            return SMTP(self.handler, tls_context=self.context, require_starttls=True, **login)
        return SMTP(self.handler, **login)

    def authenticate(self, server, session, envelope, mechanism, data):
        is_right = (data.login.decode(), data.password.decode()) == (USER, PASSWORD)
        is_safe = server.transport.get_extra_info("ssl_object") is not None
        self.logins.append((mechanism, is_right, is_safe))
        return AuthResult(success=is_right, handled=is_right)


def certificate(folder):
    """Of an authority of one's own, for localhost."""
    call = lambda *words: subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    call("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority")
    call("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    call("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "cert.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def check(program, folder, name, offered, wanted, trusts, password=None):
    """One message of a run that passed; returns its row, what arrived, and who logged in. With a `password` the mail server wants it."""
    place = folder / name
    (place / "project").mkdir(parents=True)
    mail = MailServer(offered, certificate(place), login=password is not None)
    mail.start()
    schedule = {
        "name": "told",
        "slug": "told",
        "environment": "production",
        "schedule": "OFF",
        "commands": ["true"],
        "notifications": {"emails": [{"address": "ops@acme.example", "events": ["passed"]}]},
    }
    (place / "project" / "dbt_project.yml").write_text("name: told\n")
    (place / "project" / "paradime_schedules.yml").write_text(json.dumps({"version": 1, "schedules": [schedule]}))
    database = Sqlite(place / "a" / "state" / "scheduler.db")
    server = Server("a", program, place, place / "project", database, 2)
    if trusts:
        os.environ["SSL_CERT_FILE"] = str(place / "ca.pem")
    else:
        os.environ.pop("SSL_CERT_FILE", None)
    try:
        server.start()
        wait_until(server.answers, 60, "the start")
        smtp = {"host": "localhost", "port": mail.port, "security": wanted, "from": "Owlet <owlet@acme.example>"}
        if password:
            smtp |= {"user": USER, "password": password}
        owlet(program, place / "project", "notifications", "set", "--dir", server.folder / "state", stdin=json.dumps({"smtp": smtp}))
        owlet(program, place / "project", "bolt", "deploy", "--yes", "--endpoint", server.endpoint)
        owlet(program, place / "project", "bolt", "run", "told", "--wait", "--endpoint", server.endpoint)
        query = "SELECT state, attempts, last_error FROM outbox WHERE channel = 'email'"
        wait_until(lambda: any(row["state"] == "DELIVERED" or row["last_error"] for row in database.rows(query)), 90, "an attempt")
        shown = owlet(program, place / "project", "notifications", "show", "--dir", server.folder / "state")
        for text in (str(shown), (place / "a" / "log").read_text(), str(database.rows("SELECT value FROM setting"))):
            assert not password or password not in text, "the password is shown"
        return database.rows(query)[0], mail.handler.mails, mail.logins
    except SystemExit:
        print((place / "a" / "log").read_text()[-2000:], database.rows("SELECT * FROM outbox"), file=sys.stderr)
        raise
    finally:
        server.kill("host")
        mail.stop()


def main():
    logging.disable()  # aiosmtpd tells of clients that do not trust it, which is wanted here.
    program = Path(sys.argv[1])
    folder = Path(tempfile.mkdtemp(prefix="owlet-smtp-"))
    try:
        for security in ("starttls", "tls"):
            row, mails, _ = check(program, folder, security, security, security, True)
            assert row["state"] == "DELIVERED" and len(mails) == 1, (row, mails)
            assert mails[0]["tls"] and mails[0]["to"] == ["ops@acme.example"], mails
            assert "Subject: [passed]" in mails[0]["text"], mails[0]["text"]
            print(f"{security}: taken, under TLS")
        for security in ("starttls", "tls"):
            row, mails, logins = check(program, folder, f"{security}-login", security, security, True, PASSWORD)
            assert row["state"] == "DELIVERED" and len(mails) == 1 and mails[0]["tls"], (row, mails, logins)
            assert len(logins) == 1 and logins[0][1:] == (True, True), logins
            print(f"{security} with password: taken, by AUTH {logins[0][0]} under TLS")
        row, mails, logins = check(program, folder, "wrong-password", "starttls", "starttls", True, "not the password")
        assert row["state"] == "DEAD" and row["attempts"] == 1 and not mails and not any(right for _, right, _ in logins), (row, mails, logins)
        print(f"wrong password: nothing sent, given up at once; {row['last_error']}")
        row, mails, logins = check(program, folder, "password-in-the-clear", "none", "starttls", True, PASSWORD)
        assert row["state"] != "DELIVERED" and not mails and not logins, (row, mails, logins)
        print(f"password, and no STARTTLS: never sent; {row['last_error']}")
        for name, offered, wanted, trusts in [
            ("untrusted", "starttls", "starttls", False),
            ("untrusted-tls", "tls", "tls", False),
            ("not-offered", "none", "starttls", True),
        ]:
            row, mails, _ = check(program, folder, name, offered, wanted, trusts)
            assert row["state"] != "DELIVERED" and not mails, (row, mails)
            print(f"{name}: nothing sent; {row['last_error']}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
