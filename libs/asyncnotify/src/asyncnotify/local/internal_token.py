"""The secret by which the services of a local system know each other."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from service_kit.secret_files import FILE_SUFFIX

NAME: Final = "INTERNAL_TOKEN"
FILE: Final = "internal-token"
_BYTES: Final = 32


def needs_token(environment: Mapping[str, str]) -> bool:
    """Tell whether callers need keys, and no secret of the services is named.

    Where nobody needs a key, services may be asked directly, too, by whoever is on this machine.
    """
    is_named = any(environment.get(name) for name in (NAME, f"{NAME}{FILE_SUFFIX}"))
    return environment.get("GATEWAY_AUTH") == "keys" and not is_named


def keep_token(path: Path) -> None:
    """Make the secret, readable by its user alone, unless there is one."""
    if path.exists():
        return
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{secrets.token_hex(_BYTES)}\n")
    unfinished.replace(path)
