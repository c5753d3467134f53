"""A real Postfix, on a port and a queue of its own.

    from testkit.postfix_server import postfix  # noqa: F401

It takes mail for the mailboxes that it was given at `example.com`, and for `bounces@` there with
any extension; `gone@example.net` it takes, too, and then it bounces. Skips where no Postfix is
installed or the user is not root, which Postfix needs; fails where `CI` is set.
"""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, cast

import pytest
import trustme

_MAIN: Final = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.com
mydestination =
mynetworks = 0.0.0.0/32
smtpd_relay_restrictions = reject_unauth_destination
alias_maps =
virtual_mailbox_domains = example.com
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ ada@example.com=ada/ bounces@example.com=bounces/ }}
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
recipient_delimiter = +
transport_maps = inline:{{ example.net=bouncing: }}
relay_domains = example.net
fast_flush_domains =
message_size_limit = 200000
smtputf8_enable = no
smtpd_tls_security_level = may
smtpd_tls_chain_files = {folder}/server.pem
"""
_MASTER: Final = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
tlsmgr unix - - n 1000? 1 tlsmgr
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
bouncing unix - n n - - pipe user=nobody argv=/bin/sh -c {{exit 67}}
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    """A running Postfix."""

    folder: Path
    port: int

    @property
    def ca_file(self) -> Path:
        """The certificate that vouches for the server's."""
        return self.folder / "ca.pem"

    @property
    def log(self) -> str:
        """What it logged."""
        return (self.folder / "log").read_text("utf-8")

    async def arrived(self, mailbox: str, count: int = 1) -> list[EmailMessage]:
        """Wait for so many mails to a mailbox, and return them, the oldest first."""
        folder = self.folder / "mail" / mailbox / "new"
        async with asyncio.timeout(60):
            while len(found := sorted(folder.glob("*"))) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        parser = BytesParser(policy=default)
        return [parser.parsebytes(each.read_bytes()) for each in found]

    def start(self) -> None:
        """Write its configuration, and start it; it answers when this returns."""
        for name in ("queue", "data", "mail", "config"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o711)  # it runs as a user of its own, who must get through
        shutil.chown(self.folder / "data", "postfix")
        shutil.chown(self.folder / "mail", "nobody", "nogroup")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(self.folder / "server.pem")
        nobody = pwd.getpwnam("nobody")
        values = {
            "folder": self.folder,
            "port": self.port,
            "uid": nobody.pw_uid,
            "gid": nobody.pw_gid,
        }
        (self.folder / "config" / "main.cf").write_text(_MAIN.format(**values))
        (self.folder / "config" / "master.cf").write_text(_MASTER.format(**values))
        self._run("start")

    def stop(self) -> None:
        """Stop it at once."""
        self._run("abort")

    def _run(self, command: str) -> None:
        done = subprocess.run(
            [_found() or "postfix", "-c", self.folder / "config", command],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode != 0:
            raise RuntimeError(f"postfix {command}: {done.stdout}{done.stderr}")


def _found() -> str | None:
    return shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return cast(int, listening.getsockname()[1])


@pytest.fixture(scope="session")
def postfix() -> Iterator[Postfix]:
    """Yield the session's Postfix. Its folder is not pytest's, into which only root may look."""
    if _found() is None or os.geteuid() != 0:
        absent = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        absent("there is no Postfix here, or this is not root")
    with TemporaryDirectory(prefix="asyncnotify-postfix-") as folder:
        server = Postfix(Path(folder), _free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()
