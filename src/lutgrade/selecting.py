"""The pair of key frames of two files (VCG, Eq. 1), with the features of each file kept for the next time."""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from lutgrade import paths
from lutgrade.checkpoints import build_model
from lutgrade.errors import InputError
from lutgrade.evaluation.cache import Cache, Unkept, digest, file_digest, source_digest
from lutgrade.models.keyframes import KeyframeSelector
from lutgrade.video import Frame, open_video

DEFAULT_SELECTOR = "lab_histogram"  # needs no weights
KEYFRAME_SECONDS = 1.0  # one candidate a second, as the VCG paper takes
SIDE = 768  # pixels; the shorter side stays above what encoders take, up to an aspect of 2.3 : 1 for 336 pixels
CODE = ("models/keyframes", "models/keyframe_encoders", "video")


@dataclass(frozen=True)
class Keyframe:
    """A frame of a file: its index, its time in seconds, and its image at most 768 pixels long."""

    index: int
    time: float
    image: Tensor  # [3, h, w]


@dataclass(frozen=True)
class KeyframePair:
    """The frames of content and reference that are most alike, and the cosine of their features."""

    content: Keyframe
    reference: Keyframe
    similarity: float


def selector_names() -> list[str]:
    """Every name that `build_selector` takes."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def build_selector(
    name_or_path: str | Path = DEFAULT_SELECTOR, *, device: str = "cpu", **arguments: Any
) -> KeyframeSelector:
    """Builds a selector of `configs/selector`, or of a YAML file like them.

    Args:
        name_or_path: a name of `selector_names()`, or a file.
        device: where the encoder's network runs.
        arguments: in place of the encoder's own, such as `source` or `seed`.

    Raises:
        InputError: no such selector, or one that cannot be built; `MissingWeights` where its weights are not here.
    """
    path = _find(name_or_path)
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"cannot read the selector {path}: {str(error).splitlines()[0]}") from error
    if not isinstance(config, dict) or "_target_" not in config or not isinstance(config.get("encoder"), dict):
        raise InputError(f"{path} is not a selector: it needs a _target_ and an encoder")
    config["encoder"] |= arguments
    built: object = build_model(config, trusted=path.is_relative_to(_folder()))
    if not isinstance(built, KeyframeSelector):
        raise InputError(f"{path} is not a selector: it builds a {type(built).__name__}")
    if isinstance(built.encoder, nn.Module):
        built.encoder.to(device)
    return built


def default_cache() -> Cache:
    """Where features are kept: `lutgrade/keyframes` in `$XDG_CACHE_HOME`, by default `~/.cache`."""
    return Cache(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lutgrade" / "keyframes")


def select_keyframes(
    content: str | Path,
    reference: str | Path,
    selector: KeyframeSelector | None = None,
    *,
    cache: Cache | None = None,
) -> KeyframePair:
    """The most similar pair of a content frame and a reference frame (VCG, Eq. 1), of one frame a second of each.

    Frames stream, so memory does not grow with the length of a file but for its features. A clip shorter than a
    second and an image have one candidate, the first frame. Of equal pairs the first is taken, content before
    reference.

    Args:
        content, reference: each a video, an image or a folder of frames.
        selector: what similarity is measured by; the Lab histogram's by default.
        cache: where the features of files are kept (`default_cache()`); None keeps none.

    Raises:
        InputError: a file that cannot be read.
    """
    selector = selector or build_selector()
    a = _features(Path(content), selector, cache)
    b = _features(Path(reference), selector, cache)
    t, n, similarity = selector.most_similar(a, b)
    return KeyframePair(_read(Path(content), t), _read(Path(reference), n), similarity)


def _features(path: Path, selector: KeyframeSelector, cache: Cache | None) -> Tensor:
    """Unit rows `[T, D]` of a file's candidates."""
    signature = getattr(selector.encoder, "signature", None)
    if cache is None or signature is None:
        return _encode(path, selector)
    with open_video(path):  # says what is wrong with a path before it is digested
        pass
    key = digest(file_digest(path), signature, KEYFRAME_SECONDS, SIDE, source_digest(*CODE))
    if (known := cache.read_tensors("features", key)) is not None:
        return known[0]["features"]
    features = _encode(path, selector)
    with contextlib.suppress(Unkept):  # no place to keep them: they are found anew the next time
        cache.write_tensors("features", key, {"features": features}, {"file": path.name})
    return features


def _encode(path: Path, selector: KeyframeSelector) -> Tensor:
    rows = [selector.features(frame.image[None]) for frame in _candidates(path)]
    if not rows:
        raise InputError(f"{path}: no frame to choose a key frame from")
    return torch.cat(rows)


def _read(path: Path, candidate: int) -> Keyframe:
    frame = next(islice(_candidates(path), candidate, None))
    return Keyframe(frame.index, frame.time, frame.image)


def _candidates(path: Path) -> Iterator[Frame]:
    with open_video(path, max_side=SIDE, every=KEYFRAME_SECONDS) as reader:
        yield from reader


def _folder() -> Path:
    return paths.configs() / "selector"


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.is_file():
        return path
    names = selector_names()
    if str(name_or_path) in names:
        return _folder() / f"{name_or_path}.yaml"
    near = difflib.get_close_matches(str(name_or_path), names, n=3) or names
    raise InputError(f"no selector or file '{name_or_path}'; did you mean {', '.join(near)}?")
