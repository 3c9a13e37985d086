"""What a match has done already, on disk under keys of everything it depends on, so that a second call redoes none."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
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
        """What was written under a key; None where nothing was, or it cannot be read."""
        try:
            found = json.loads(self.path(kind, key, ".json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def write_json(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        with replacing(self.path(kind, key, ".json")) as temporary:
            temporary.write_text(json.dumps(value), encoding="utf-8")

    def read_tensors(self, kind: str, key: str) -> dict[str, Tensor] | None:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(self.path(kind, key, ".safetensors"))
        except (OSError, SafetensorError):
            return None

    def write_tensors(self, kind: str, key: str, tensors: Mapping[str, Tensor]) -> None:
        save_tensors(self.path(kind, key, ".safetensors"), tensors)

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


def key_of(*parts: object) -> str:
    """A key of values that print alike when they are alike, and of the code."""
    text = json.dumps([code_version(), *parts], default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def profile_key(path: Path, spans: list[Span], every: float, matrix: str | None, encoding: str) -> str:
    return key_of("profile", identity(path), spans, every, matrix, encoding)


def identity(path: Path) -> list[object]:
    """What tells a version of a file, or of a folder of frames, from another: where it is, its size, its time."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
    return [str(path.resolve()), facts]


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
