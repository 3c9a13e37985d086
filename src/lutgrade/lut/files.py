"""What LUT files of every format share: their bytes, and what one can hold."""

from __future__ import annotations

from pathlib import Path

from lutgrade.errors import InputError
from lutgrade.files import replacing
from lutgrade.lut.lut import Lut


def read_bytes(path: str | Path) -> bytes:
    """The content of a file; InputError where it is missing, empty or cannot be read."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not data:
        raise InputError(f"{path}: the file is empty")
    return data


def check_writable_lut(lut: Lut, kind: str) -> None:
    """Raises an InputError unless it is one LUT of finite values; `kind` names the file that should hold it."""
    if lut.batch is not None:
        raise InputError(f"a {kind} holds one LUT, not a batch of {lut.batch}; write them one by one")
    if not all(bool(part.isfinite().all()) for part in (lut.table, lut.domain, lut.shaper) if part is not None):
        raise InputError("this LUT holds values that are not finite (NaN or infinity) and cannot be written")


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Writes a file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)
