"""Results on disk, by what they follow from: a key is a digest of everything that could change the result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

from lutgrade.errors import LutgradeError
from lutgrade.files import make_folder, replacing, save_tensors

PACKAGE = Path(__file__).resolve().parents[1]
SOURCES = {".py", ".c", ".h", ".yaml"}


def digest(*parts: Any) -> str:
    """A short digest of plain values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def file_digest(path: Path) -> str:
    """A digest of what a file holds; of a folder, of the names and contents of all files in it."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        return digest([(file.relative_to(path).as_posix(), file_digest(file)) for file in files])
    status = path.stat()
    return _file_digest(path, status.st_mtime_ns, status.st_size)


@cache
def _file_digest(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def source_digest(*parts: str) -> str:
    """The version of our code: a digest of the source files of modules and packages of lutgrade, by name."""
    return _source_digest(parts)


@cache
def _source_digest(parts: tuple[str, ...]) -> str:
    files = [file for part in parts for file in _files_of(PACKAGE / part)]
    return digest([(file.relative_to(PACKAGE).as_posix(), file_digest(file)) for file in files])


def _files_of(part: Path) -> list[Path]:
    if part.is_dir():
        return sorted(file for file in part.rglob("*") if file.suffix in SOURCES)
    return [part.with_suffix(".py")]


class Unkept(LutgradeError):
    """A result cannot be kept: the disk of the cache is full, or failed in another way."""


class Cache:
    """A folder of results by kind and key; a damaged one counts as absent. Several processes may write to it."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def read(self, kind: str, key: str) -> dict[str, Any] | None:
        """A record of plain values, or None."""
        try:
            return json.loads(self._path(kind, key, ".json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def write(self, kind: str, key: str, record: Mapping[str, Any]) -> None:
        """Keeps a record of plain values; raises Unkept."""
        with _keeping(), replacing(self._made(kind, key, ".json")) as temporary:
            temporary.write_text(json.dumps(record) + "\n", encoding="utf-8")

    def read_tensors(self, kind: str, key: str) -> tuple[dict[str, Tensor], dict[str, str]] | None:
        """Tensors and what was noted with them, or None."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self._path(kind, key, ".safetensors"), framework="pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
        except (OSError, SafetensorError):
            return None

    def write_tensors(self, kind: str, key: str, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
        """Keeps tensors, and text noted with them; raises Unkept."""
        whole = {name: tensor.detach().cpu() for name, tensor in tensors.items()}
        with _keeping():
            save_tensors(self._made(kind, key, ".safetensors"), whole, notes)

    def _path(self, kind: str, key: str, suffix: str) -> Path:
        return self.folder / kind / f"{key}{suffix}"

    def _made(self, kind: str, key: str, suffix: str) -> Path:
        path = self._path(kind, key, suffix)
        make_folder(path.parent)
        return path


@contextmanager
def _keeping() -> Iterator[None]:
    try:
        yield
    except LutgradeError as error:
        raise Unkept(str(error)) from error
