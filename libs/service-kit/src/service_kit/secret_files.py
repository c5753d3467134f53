"""Secrets in files, as orchestrators mount them: `NAME_FILE` names one with the value of `NAME`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

FILE_SUFFIX: Final = "_FILE"


class UnusableSecretFile(Exception):
    """Raised when a file that should hold a secret does not. It never quotes what is in it."""


def secret_of(names: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Read the file that is named for the first of `names` that is set.

    None if none is set, or if the first is set as a variable.

    Raises:
        UnusableSecretFile: the variable is set as well, or the file can't be read or is empty.
    """
    for name in names:
        variable = f"{name}{FILE_SUFFIX}"
        file, is_set = environment.get(variable), bool(environment.get(name))
        if file and is_set:
            raise UnusableSecretFile(f"{name} and {variable} are both set; take one of them away")
        if file:
            return _content(variable, Path(file))
        if is_set:
            return None
    return None


def _content(variable: str, path: Path) -> str:
    try:
        text = path.read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        message = f"{variable}: {path} can't be read: {error.strerror}"
        raise UnusableSecretFile(message) from error
    except UnicodeDecodeError as error:
        raise UnusableSecretFile(f"{variable}: {path} is not UTF-8 text") from error
    if not text.strip():
        raise UnusableSecretFile(f"{variable}: {path} is empty")
    return text
