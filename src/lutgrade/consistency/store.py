"""What a match has done already, on disk under keys of everything it depends on, so that a second call redoes none."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import stat
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

import lutgrade
from lutgrade import paths
from lutgrade.consistency.encoding import Encoding
from lutgrade.consistency.profiles import Profile, Span
from lutgrade.files import replacing, save_tensors

FOLDER = ".lutgrade-match"
SOURCES = ("ops", "color", "lut", "video", "models", "objectives", "consistency", "rendering.py", "checkpoints.py")


class Store:
    """A folder of results by key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def at(cls, output_dir: Path) -> Store:
        """The store of a match into a folder."""
        return cls(output_dir / FOLDER)

    def path(self, kind: str, key: str, suffix: str) -> Path:
        return self.folder / f"{kind}-{key}{suffix}"

    def read_json(self, kind: str, key: str) -> dict[str, Any] | None:
        """What was written under a key; None where nothing was, or it is not whole."""
        try:
            check, _, text = self.path(kind, key, ".json").read_text(encoding="utf-8").partition("\n")
            return json.loads(text) if check == _check(text.encode()) else None
        except (OSError, ValueError):
            return None

    def write_json(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        text = json.dumps(value)
        with replacing(self._place(kind, key, ".json")) as temporary:
            temporary.write_text(f"{_check(text.encode())}\n{text}", encoding="utf-8")

    def read_tensors(self, kind: str, key: str) -> dict[str, Tensor] | None:
        """As `read_json`."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path(kind, key, ".safetensors"), "pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no dict)
                check = (file.metadata() or {}).get("check")
        except (OSError, SafetensorError):
            return None
        return tensors if check == _check_tensors(tensors) else None

    def write_tensors(self, kind: str, key: str, tensors: Mapping[str, Tensor]) -> None:
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_tensors(self._place(kind, key, ".safetensors"), whole, {"check": _check_tensors(whole)})

    def _place(self, kind: str, key: str, suffix: str) -> Path:
        """Where to write; the folder is made anew where somebody removed it while a match runs."""
        with suppress(OSError):
            self.folder.mkdir(exist_ok=True)
        return self.path(kind, key, suffix)

    def read_profiles(self, key: str, encoding: Encoding) -> dict[int, Profile] | None:
        """The profiles of a clip's spans by their numbers, in order."""
        tensors = self.read_tensors("profile", key)
        if tensors is None:
            return None
        parts: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            number, _, part = name.partition(".")
            parts.setdefault(int(number), {})[part] = tensor
        return {
            number: Profile(
                p["frames"],
                tuple(p["times"].tolist()),
                p["mean"],
                p["covariance"],
                p["quantiles"],
                int(p["seen"]),
                encoding,
            )
            for number, p in sorted(parts.items())
        }

    def write_profiles(self, key: str, profiles: Mapping[int, Profile]) -> None:
        import torch

        tensors: dict[str, Tensor] = {}
        for number, p in profiles.items():
            values = {"frames": p.frames, "mean": p.mean, "covariance": p.covariance, "quantiles": p.quantiles}
            values |= {"times": torch.tensor(p.times, dtype=torch.float64), "seen": torch.tensor(p.seen)}
            tensors |= {f"{number}.{name}": value for name, value in values.items()}
        self.write_tensors("profile", key, tensors)


def _check(*parts: bytes | memoryview) -> str:
    """Digits that tell what was written from what a disk made of it."""
    return f"{functools.reduce(lambda crc, part: zlib.crc32(part, crc), parts, 0):08x}"


def _check_tensors(tensors: Mapping[str, Tensor]) -> str:
    return _check(*(tensors[name].numpy().data for name in sorted(tensors)))


def key_of(*parts: object) -> str:
    """A key of values that print alike when they are alike, and of the code."""
    text = json.dumps([code_version(), *parts], default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def profile_key(path: Path, spans: list[Span], every: float, matrix: str | None, encoding: str) -> str:
    return key_of("profile", identity(path), spans, every, matrix, encoding)


def identity(path: Path) -> list[object]:
    """What tells a version of a file, or of a folder of frames, from another: where it is, its size, its time."""
    facts = []
    for file in _files(path):
        with suppress(OSError):  # it is gone, which who reads it says
            found = file.stat()
            if stat.S_ISREG(found.st_mode):
                facts.append((file.name, found.st_size, found.st_mtime_ns))
    return [os.path.realpath(path), facts]


def _files(path: Path) -> list[Path]:
    try:
        return sorted(path.iterdir()) if path.is_dir() else [path]
    except OSError:
        return []


@functools.cache
def code_version() -> str:
    """A digest of the sources that results depend on, the model configurations and the shipped weights."""
    digest = hashlib.sha256(lutgrade.__version__.encode())
    package = Path(lutgrade.__file__).parent
    parts = [package / part for part in SOURCES]
    files = [part for part in parts if part.is_file()]
    files += [file for part in parts for file in part.rglob("*.*") if file.suffix in (".py", ".c", ".h")]
    files += [*(paths.configs() / "model").glob("*.yaml"), *paths.shipped_checkpoints().rglob("*.safetensors")]
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
