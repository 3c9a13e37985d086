"""Training pairs: pictures of photographs or clips, and a reference that is graded with a known LUT.

The work is split in two. A loader's workers decode and crop (`GradedPairs.__getitem__`, 8-bit samples, and which
LUTs to mix); the LUTs are mixed and applied to whole batches on the training device (`GradedPairs.prepare`).
Everything about sample `i` follows from the seed and `i` alone, so the number of workers, the order and how a batch
is split over processes change nothing.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import Dataset

from lutgrade.data.images import Pictures, resize
from lutgrade.data.luts import LutBank, LutSource
from lutgrade.data.samples import collate
from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.ops import apply_lut
from lutgrade.protocols import Sample

REFERENCES = ("same_image", "same_clip", "different")


@dataclass(frozen=True)
class UngradedSample(Sample):
    """What a worker makes: `frames` and `reference` are uint8 and not graded yet.

    `rows` and `weights` are `[2, 3]`, draws of a `LutBank`: the grade that all pictures have already, and the one
    between content and reference. `skipped` holds (path, reason) of pictures that could not be read on the way.
    """

    rows: Tensor = field(default_factory=lambda: torch.zeros(2, 3, dtype=torch.int64))
    weights: Tensor = field(default_factory=lambda: torch.zeros(2, 3))
    skipped: tuple[tuple[str, str], ...] = ()


class GradedPairs(Dataset[UngradedSample]):
    """Random pairs of content and graded reference, with the target and the LUT.

    Args:
        pictures: a `PhotoFolder` or a `ClipFolder`.
        luts: sources of grades (`lutgrade.data.luts`), by any name; none leaves the reference as it is, without a
            target, for objectives that need no known grade.
        reference: where the reference comes from: "same_image" (another crop of the content's picture), "same_clip"
            (a crop of another frame of its clip) or "different" (another picture); or how often which, as a mapping.
        size: rows and columns of the crops.
        zoom: the side of a crop before it is resized to `size`, as a range of fractions of the picture's shorter
            side; None crops without resizing.
        flip: how often a crop is mirrored.
        aligned: of pairs of one picture or clip, how often both crops have one scale and are mirrored alike, as two
            views of one take are; the rest are cropped independently.
        pregrade: the pictures themselves get a random grade first, at a strength up to this, as the footage of
            users is graded already; 0 leaves them.
        length: how many samples there are. Sample `i` is picture `i % n` of a shuffled pass over all n.
        seed: of all draws.
        lut_size: nodes a side of the LUTs.

    Raises:
        InputError: an unknown kind of reference, "same_clip" of photographs, or pictures none of which can be read.
    """

    collate = staticmethod(collate)

    def __init__(
        self,
        pictures: Pictures,
        luts: Mapping[str, LutSource] | None = None,
        *,
        reference: str | Mapping[str, float] = "same_image",
        size: int = 128,
        zoom: Sequence[float] | None = (0.4, 1.0),
        flip: float = 0.5,
        aligned: float = 0.0,
        pregrade: float = 0.0,
        length: int = 1_000_000,
        seed: int = 0,
        lut_size: int = 33,
    ) -> None:
        self.pictures = pictures
        self.bank = LutBank(list(luts.values()), lut_size) if luts else None
        self.kinds, self.chances = _chances(reference, pictures)
        self.size, self.zoom, self.flip, self.aligned, self.pregrade = size, zoom, flip, aligned, pregrade
        self.length, self.seed = length, seed
        self.skipped: dict[str, str] = {}
        self._broken: dict[int, str] = {}
        self._pass = functools.lru_cache(maxsize=16)(self._shuffled)
        self._note(self[0].skipped)  # a data set that cannot be read at all says so here, not in a worker

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> UngradedSample:
        """Sample `index`: `frames` `[1, 3, S, S]`, `reference` `[1, 3, S, S]`, uint8."""
        rng = np.random.default_rng([self.seed, index])
        number, epoch = index % len(self.pictures.paths), index // len(self.pictures.paths)
        start = int(self._pass(epoch)[number])
        kind = self.kinds[int(np.searchsorted(self.chances, rng.random(), side="right"))]
        here, there = rng.random(2).tolist()
        skipped: dict[str, str] = {}
        if kind == "different":
            name, (content,) = self._read(start, [here], skipped)
            _, (other,) = self._read(int(rng.integers(len(self.pictures.paths))), [there], skipped)
        else:
            positions = [here, there if kind == "same_clip" else here]
            name, (content, other) = self._read(start, positions, skipped)
        rows, weights = self._draw(rng)
        view = self._view(rng)
        same = kind != "different" and rng.random() < self.aligned
        return UngradedSample(
            frames=self._crop(content, view, rng)[None],
            reference=self._crop(other, view if same else self._view(rng), rng)[None],
            name=f"{index}:{name}",
            rows=torch.from_numpy(rows),
            weights=torch.from_numpy(weights),
            skipped=tuple(skipped.items()),
        )

    def prepare(self, batch: UngradedSample, device: torch.device | str, generator: Generator | None = None) -> Sample:
        """Grades a batch on `device`: floats in [0, 1], in the steps of 1/255 that a file would hold.

        The generator is not used: all draws were made with the samples, so that a batch may be split.

        Returns:
            `frames`, `reference` and `target` `[B, 1, 3, S, S]`, `lut` `[B, 3, N, N, N]`.
        """
        self._note(batch.skipped)
        frames, reference = batch.frames.to(device), batch.reference.to(device)  # [B, 1, 3, S, S] uint8
        if self.bank is None:
            return Sample(_unit(frames), _unit(reference), name=batch.name)
        rows, weights = batch.rows.to(device), batch.weights.to(device)  # [B, 2, 3]
        if self.pregrade:
            before = self.bank.mixtures(rows[:, 0], weights[:, 0])
            frames, reference = _graded(frames, before), _graded(reference, before)
        lut = self.bank.mixtures(rows[:, 1], weights[:, 1])
        return Sample(
            frames=_unit(frames),
            reference=_unit(_graded(reference, lut)),
            target=_unit(_graded(frames, lut)),
            lut=lut,
            name=batch.name,
        )

    def sample_luts(self, count: int, size: int) -> Tensor:
        """`count` of the LUTs that it grades with, always the same, `[count, 3, size, size, size]`.

        Raises:
            InputError: it has no LUTs.
        """
        if self.bank is None:
            raise InputError("this data set grades nothing, so it has no LUTs to take statistics of")
        rng = np.random.default_rng([self.seed, 0, 2])
        tables = []
        for _ in range(count):  # one by one: at the bank's own size, all of them would be hundreds of megabytes
            rows, weights = self.bank.draw(rng)
            mixture = self.bank.mixtures(torch.from_numpy(rows)[None], torch.from_numpy(weights)[None])
            tables.append(Lut(mixture).resize(size).table)
        return torch.cat(tables)

    def _shuffled(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, epoch, 1]).permutation(len(self.pictures.paths))

    def _read(
        self, start: int, positions: Sequence[float], skipped: dict[str, str]
    ) -> tuple[str, Sequence[np.ndarray]]:
        """The name and pictures of the first scene from `start` on that can be read; notes those that cannot."""
        paths = self.pictures.paths
        for step in range(len(paths)):
            index = (start + step) % len(paths)
            if index not in self._broken:
                try:
                    return paths[index].name, self.pictures.read(index, positions)
                except InputError as error:
                    self._broken[index] = str(error)
            skipped[str(paths[index])] = self._broken[index]
        raise InputError(f"none of the {len(paths)} pictures can be read; the first: {self._broken[start]}")

    def _view(self, rng: np.random.Generator) -> tuple[float | None, bool]:
        """The side of a crop as a fraction of the picture's shorter side, or None, and whether it is mirrored."""
        zoom = None if self.zoom is None else float(rng.uniform(self.zoom[0], self.zoom[1]))
        return zoom, bool(rng.random() < self.flip)

    def _crop(self, picture: np.ndarray, view: tuple[float | None, bool], rng: np.random.Generator) -> Tensor:
        """A square somewhere in a picture `[H, W, 3]` as `[3, S, S]`."""
        zoom, mirrored = view
        height, width = picture.shape[:2]
        shorter = min(height, width)
        side = self.size if zoom is None else round(shorter * zoom)
        side = max(1, min(side, shorter))
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        crop = resize(picture[top : top + side, left : left + side], (self.size, self.size))
        if mirrored:
            crop = crop[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1)))

    def _draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Rows and weights, `[2, 3]`, of the grade before and the grade between."""
        if self.bank is None:
            return np.zeros((2, 3), np.int64), np.zeros((2, 3), np.float32)
        grade, before, strength = self.bank.draw(rng), self.bank.draw(rng), self.pregrade * rng.random()
        rows = np.stack([[0, before[0][0], 0], grade[0]])
        weights = np.stack([np.array([1 - strength, strength, 0], np.float32), grade[1]])
        return rows, weights

    def _note(self, skipped: Sequence[tuple[str, str]]) -> None:
        """Counts and names, once, what the workers could not read."""
        for path, reason in skipped:
            if path not in self.skipped:
                self.skipped[path] = reason
                warnings.warn(
                    f"skipped, {len(self.skipped)} of {len(self.pictures.paths)} so far: {reason}", stacklevel=3
                )

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_pass"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._pass = functools.lru_cache(maxsize=16)(self._shuffled)


def _chances(reference: str | Mapping[str, float], pictures: Pictures) -> tuple[list[str], np.ndarray]:
    """The kinds of reference and the cumulative chances of them."""
    shares = {reference: 1.0} if isinstance(reference, str) else dict(reference)
    for kind in shares:
        if kind not in REFERENCES:
            raise InputError(f"reference must be one of {', '.join(REFERENCES)}, not {kind!r}")
        if kind == "same_clip" and not pictures.moving:
            raise InputError("reference 'same_clip' needs clips; photographs have 'same_image' and 'different'")
    weights = np.array(list(shares.values()), np.float64)
    if (weights < 0).any() or not weights.sum():
        raise InputError(f"the shares of the references must be positive, not {shares}")
    return list(shares), np.cumsum(weights)[:-1] / weights.sum()


def _graded(images: Tensor, tables: Tensor) -> Tensor:
    """`[B, T, 3, H, W]` uint8 through the tables `[B, 3, S, S, S]`."""
    each = tables[:, None].expand(-1, images.shape[1], -1, -1, -1, -1)
    return apply_lut(images, each.flatten(0, 1))


def _unit(images: Tensor) -> Tensor:
    return images.float().div_(255)
