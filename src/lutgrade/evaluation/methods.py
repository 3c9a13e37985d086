"""What is evaluated: models of ours, and precomputed outputs of any method."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from lutgrade import paths
from lutgrade.checkpoints import CONFIG, WEIGHTS, build, find_model, load_model
from lutgrade.errors import InputError
from lutgrade.evaluation.cache import file_digest, source_digest
from lutgrade.evaluation.items import Item, read_frames
from lutgrade.lut import Lut
from lutgrade.models.keyframes import LabHistogramSelector
from lutgrade.protocols import Grader, KeyframeSelector, LutModel, Sample, is_grader

CODE = ("ops", "color", "lut", "models", "objectives", "checkpoints", "evaluation/methods", "evaluation/graders")
SEED = 0  # of graders that draw noise
LEVELS = 65535  # frames that no LUT stands for are kept with 16 bits
KINDS = (".png", ".jpg", ".tif", ".mkv", ".mp4", ".mov", ".avi", ".webm")


@dataclass(frozen=True)
class Prediction:
    """What a method makes of an item: a LUT for all its frames where that is its answer, or else the frames.

    Attributes:
        lut: with a table `[3, S, S, S]`, or None.
        frames: `[T, 3, H, W]` in steps of 1/65535, or None.
        seconds: taken to predict the grade, key frames included and its application not; None where not known.
    """

    lut: Lut | None
    frames: Tensor | None
    seconds: float | None

    def graded(self, sample: Sample) -> Tensor:
        """The graded frames `[T, 3, H, W]`, sRGB-encoded in [0, 1]."""
        if self.frames is not None:
            return self.frames.to(sample.frames)
        assert self.lut is not None
        return self.lut.to(sample.frames.device)(sample.frames)


class Method(Protocol):
    """A row of a table; `version` is what its predictions follow from, besides the item and the data set's name."""

    version: Mapping[str, Any]

    def predict(self, item: Item, sample: Sample, data: str) -> Prediction: ...

    def outputs(self, item: Item, data: str) -> str:
        """A digest of precomputed outputs of an item; empty for a model."""
        ...


class ModelMethod:
    """A model of ours: one grade for a clip, predicted from the most similar pair of a frame and a reference.

    A model that is a `Grader` (its call asks for a seed) gets all frames instead.

    Args:
        name: of a shipped checkpoint, a model without weights or a run, or a checkpoint's folder.
        runs: the folder of the runs of `scripts/train.py`, whose best checkpoints are found by name.
        device: what it runs on.
        every: frames between the candidates for the key frame.
        selector: configuration of what chooses the key frame; None is the Lab histogram.
        grader: configuration of what makes another model of this one (`lutgrade.evaluation.graders`).
        settings: arguments of the model in place of its own.

    Raises:
        InputError: as `load_model` does.
    """

    def __init__(
        self,
        name: str,
        *,
        runs: str | Path,
        device: str = "cpu",
        every: int = 24,
        selector: Mapping[str, Any] | None = None,
        grader: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        source = find_checkpoint(name, runs) or find_model(name)
        model = load_model(name if source.is_file() else source, device=device, **(settings or {}))
        self.model: LutModel | Grader = build(grader)(model) if grader else model
        self.every = every
        self.selector: KeyframeSelector = build(selector) if selector else LabHistogramSelector()
        self.version: Mapping[str, Any] = {
            "code": source_digest(*CODE),
            "model": _model_digest(source),
            "every": every,
            "selector": selector and [selector, _signature(self.selector)],
            "grader": grader,
            "settings": dict(settings or {}),
            "torch": torch.__version__,
            "device": torch.device(device).type,
        }

    def predict(self, item: Item, sample: Sample, data: str) -> Prediction:
        """Grades a sample that lies on the model's device, without gradients."""
        with torch.inference_mode():
            begin = time.perf_counter()
            if is_grader(self.model):
                graded = cast(Grader, self.model)(sample.frames, sample.reference, seed=SEED)
                return Prediction(None, _in_steps(graded), _since(begin, sample.frames))
            grade = cast(LutModel, self.model)(*self._key_frames(sample))
            seconds = _since(begin, sample.frames)
            if isinstance(grade, Lut):
                return Prediction((grade if grade.batch is None else grade[0]).to("cpu"), None, seconds)
            graded = torch.cat([grade(image[None]).cpu() for image in sample.frames])
        return Prediction(None, _in_steps(graded), seconds)

    def outputs(self, item: Item, data: str) -> str:
        """Nothing is precomputed."""
        return ""

    def _key_frames(self, sample: Sample) -> tuple[Tensor, Tensor]:
        """A frame and a reference of the sample, `[1, 3, H, W]` each."""
        candidates = sample.frames[:: self.every]
        if len(candidates) == len(sample.reference) == 1:
            return candidates, sample.reference
        t, n = self.selector(candidates, sample.reference)
        return candidates[t : t + 1], sample.reference[n : n + 1]


class FolderMethod:
    """Precomputed outputs in a folder: `<data set>/<item>`, or `<item>` alone; a video, an image or a folder of frames.

    Raises:
        InputError: no such folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise InputError(f"{folder}: no such folder of precomputed outputs")
        self.version: Mapping[str, Any] = {"code": source_digest("video", "evaluation/methods")}

    def predict(self, item: Item, sample: Sample, data: str) -> Prediction:
        """Reads the outputs of an item; an InputError where they are missing or of another size."""
        path = self._find(item, data)
        frames = _in_steps(read_frames(path, None))
        if frames.shape != sample.frames.shape:
            raise InputError(f"{path} holds {list(frames.shape)}, the item {item.name} is {list(sample.frames.shape)}")
        return Prediction(None, frames, None)

    def outputs(self, item: Item, data: str) -> str:
        """A digest of the files."""
        return file_digest(self._find(item, data))

    def _find(self, item: Item, data: str) -> Path:
        for base in (self.folder / data / item.name, self.folder / item.name):
            found = [base.with_name(base.name + kind) for kind in KINDS]
            for path in (base, *found):
                if path.exists():
                    return path
        raise InputError(f"no output at {self.folder / data / item.name} (.png, .mkv, .mp4 or a folder of frames)")


def find_checkpoint(name: str, runs: str | Path) -> Path | None:
    """The checkpoint folder that a name or a path means, or None."""
    for folder in (Path(name), paths.shipped_checkpoints() / name, Path(runs) / name / "best"):
        if (folder / CONFIG).is_file():
            return folder
    return None


def _signature(selector: KeyframeSelector) -> str | None:
    """What the features of its encoder follow from, weights included, where it says so."""
    return getattr(getattr(selector, "encoder", None), "signature", None)


def _since(begin: float, frames: Tensor) -> float:
    """Seconds, what the device of the frames was given to do included."""
    if frames.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def _in_steps(frames: Tensor) -> Tensor:
    """Frames as they are kept: on the CPU, clamped, with 16 bits."""
    return (frames.cpu().clamp(0, 1) * LEVELS).round() / LEVELS


def _model_digest(source: Path) -> list[str]:
    """Digests of a model's configuration and of its weights."""
    files = [source] if source.is_file() else [source / CONFIG, source / WEIGHTS]
    return [file_digest(file) for file in files if file.is_file()]
