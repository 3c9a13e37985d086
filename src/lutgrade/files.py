"""Writing files so that no half file is ever seen, and saying clearly why one cannot be written."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lutgrade.errors import InputError, LutgradeError

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, with its suffix, that takes its place when the block succeeds.

    Raises:
        InputError: the folder does not exist or cannot be written to.
        LutgradeError: the disk is full, or writing failed in another way.
    """
    path = Path(path)
    check_writable(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise LutgradeError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path, check: Callable[[Path], None]) -> Iterator[Path]:
    """Yields a new folder beside `path` that takes its place, and that of a folder there, when the block succeeds.

    The folder that was there is moved aside first and removed last, so that it is whole again after any failure.

    Args:
        path: of the folder.
        check: raises an error unless a folder that is there may be removed; asked at first, and before the end.

    Raises:
        InputError: the folder that it lies in does not exist or cannot be written to.
        LutgradeError: the disk is full, or writing failed in another way.
    """
    check_place(path)
    if path.exists():
        check(path)
    temporary, old = (path.with_name(f".{path.name}.{secrets.token_hex(4)}") for _ in range(2))
    try:
        temporary.mkdir()
        yield temporary
        if path.exists():
            check(path)
            path.rename(old)
        temporary.rename(path)
    except OSError as error:
        raise LutgradeError(f"cannot write {path}: {error.strerror or error}") from error
    else:
        shutil.rmtree(old, ignore_errors=True)
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        shutil.rmtree(temporary, ignore_errors=True)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, str] | None = None) -> None:
    """Writes tensors, and text noted with them, as a safetensors file; raises as `replacing` does."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with replacing(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode  # as other files are; the library's own would be for this user alone
        try:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, dict(notes or {}))
        except SafetensorError as error:  # such as a full disk
            raise LutgradeError(f"cannot write {path}: {error}") from error
        temporary.chmod(mode)


def make_folder(path: str | Path) -> Path:
    """Makes a folder, with those that it lies in, unless it is there.

    Raises:
        InputError: it cannot be made; says why.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {path}: {error.strerror or error}") from error
    return path


def check_writable(path: Path) -> None:
    """Raises an InputError where a file could not be made at `path`."""
    check_place(path)
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder")


def check_place(path: Path) -> None:
    """Raises an InputError where nothing could be made at `path`, which may be there."""
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: no permission to write in {path.parent}")
