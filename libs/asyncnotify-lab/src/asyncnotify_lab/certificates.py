"""A certificate authority of the lab's own, and the certificate of its ports."""

import ssl
from pathlib import Path
from typing import Final

import trustme
from service_kit.private_files import make_private

CERTIFICATE: Final = "ca.pem"
_KEY: Final = "ca-key.pem"


def authority(folder: Path) -> trustme.CA:
    """Return the authority that is kept in a folder; it is made the first time.

    `ca.pem` is what is to be trusted. Who has read it once still trusts the lab when it is started
    again.
    """
    certificate, key = folder / CERTIFICATE, folder / _KEY
    if certificate.exists() and key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    made = trustme.CA(organization_name="AsyncNotify lab")
    key.touch(mode=0o600)
    made.private_key_pem.write_to_path(key)
    make_private(key)
    made.cert_pem.write_to_path(certificate)
    return made


def server_tls(ca: trustme.CA, protocols: list[str] | None = None) -> ssl.SSLContext:
    """Return how a port speaks TLS: as localhost, with these application protocols."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context
