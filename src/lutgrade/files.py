"""Writing files so that no half file is ever seen, and saying clearly why one cannot be written."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lutgrade.errors import InputError, LutgradeError

if TYPE_CHECKING:
    from torch import Tensor

_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}\.partial(\.[^.]*)?", re.DOTALL)
_NAME_BYTES = 255  # where the system does not say


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, with its suffix, that takes its place when the block succeeds.

    Raises:
        InputError: the folder does not exist or cannot be written to.
        LutgradeError: the disk is full, or writing failed in another way.
    """
    path = Path(path)
    check_writable(path)
    temporary = temporary_beside(path)
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise LutgradeError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # such as a disk that is gone; what went wrong is said already
            temporary.unlink(missing_ok=True)


def temporary_beside(path: Path, *, folder: bool = False) -> Path:
    """A hidden name beside `path` that is no other's and no longer than names may be; with its suffix, if of a file."""
    return _beside(path, "partial", folder=folder)


def _beside(path: Path, kind: str, *, folder: bool) -> Path:
    end = f".{secrets.token_hex(4)}.{kind}{'' if folder else path.suffix}"
    return path.with_name(f".{_shortened(path.name if folder else path.stem, end, path.parent)}{end}")


def _shortened(stem: str, end: str, folder: Path) -> str:
    """As much of a stem as leaves room for a dot before it and the end of a name."""
    room = max(1, name_bytes(folder) - len(os.fsencode(f".{end}")))
    coded = os.fsencode(stem)
    return stem if len(coded) <= room else coded[:room].decode(errors="ignore")


def remove_temporaries(folder: Path, names: Iterable[str] | None = None) -> None:
    """Removes what processes that were killed left in a folder on their way to files, or folders, of these names.

    Nobody may be writing those meanwhile. None is all names.
    """
    wanted = None if names is None else {kept for name in names for kept in _kept_of(folder / name)}
    with suppress(OSError):  # the folder may be gone
        for found in list(folder.iterdir()):
            name = _meant_name(found.name)
            if name == found.name or (wanted is not None and name not in wanted):
                continue
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found)
            else:
                found.unlink()


def _kept_of(path: Path) -> set[str]:
    """What temporary names keep of a name, cut where it is long."""
    return {_meant_name(temporary_beside(path, folder=frames).name) for frames in (False, True)}


def _meant_name(name: str) -> str:
    """What a temporary name stands for; a folder of frames may be the temporary one of another."""
    while parts := _TEMPORARY.fullmatch(name):
        name = parts[1] + (parts[2] or "")
    return name


def name_bytes(folder: Path) -> int:
    """How many bytes a name in a folder may take."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):
        return _NAME_BYTES


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
    temporary, old = (_beside(path, kind, folder=True) for kind in ("partial", "before"))
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
    folder = path.parent
    if not is_folder(folder):
        raise InputError(f"cannot write {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"cannot write {path}: no permission to write in {folder}")
    check_name(path)


def is_folder(path: Path) -> bool:
    """Whether there is a folder; where that may not be known, there is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def check_name(path: Path) -> None:
    """Raises an InputError where a name is longer than names may be."""
    size, most = len(os.fsencode(path.name)), name_bytes(path.parent)
    if size > most:
        raise InputError(f"cannot write {path}: the name takes {size} bytes, and {most} are the most; shorten it")
