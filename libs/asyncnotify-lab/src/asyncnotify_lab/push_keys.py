"""The keys with which providers of push come to the lab: made the first time, and kept."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from service_kit.private_files import make_private

PROJECT: Final = "lab"


def vapid_key(folder: Path) -> Path:
    """Return the file of the key that signs for Web Push."""
    return _kept(folder / "vapid.pem", lambda: _pem(ec.generate_private_key(ec.SECP256R1())))


def apns_key(folder: Path) -> Path:
    """Return the file of the key that signs for APNs."""
    return _kept(folder / "apns.p8", lambda: _pem(ec.generate_private_key(ec.SECP256R1())))


def fcm_account(folder: Path) -> Path:
    """Return the file of a service account. Where tokens are to be had stands in the URL."""
    return _kept(folder / "fcm.json", _account)


def _account() -> str:
    account = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "lab",
        "private_key": _pem(rsa.generate_private_key(65537, 2048)),
        "client_email": f"push@{PROJECT}.example",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return json.dumps(account, indent=2)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _kept(path: Path, make: Callable[[], str]) -> Path:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        make_private(path)
        path.write_text(make(), encoding="utf-8")
    return path
