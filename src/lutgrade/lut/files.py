"""Reading and writing the bytes of LUT files."""

from __future__ import annotations

from pathlib import Path

from lutgrade.errors import InputError
from lutgrade.files import replacing


def read_bytes(path: str | Path) -> bytes:
    """The content of a file; InputError where it is missing, empty or cannot be read."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not data:
        raise InputError(f"{path}: the file is empty")
    return data


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Writes a file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)
