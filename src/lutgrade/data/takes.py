"""Training pairs of several frames: a stretch of a clip, graded, with another frame of it as the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from lutgrade.data.both_ways import BothWays
from lutgrade.data.graded import UngradedSample
from lutgrade.data.images import Pictures
from lutgrade.data.luts import LutSource
from lutgrade.errors import InputError


class Takes(BothWays):
    """`BothWays` with several frames of content a sample, evenly spaced over a stretch of a clip and cropped alike.

    Args:
        pictures: a `ClipFolder`.
        luts: sources of grades.
        frames: of content.
        span: the share of the clip (of the part that `pictures` reads) that they are spread over.
        options: the other arguments of `BothWays`, but for `reference`, which is of the same clip.

    Raises:
        InputError: photographs, fewer than one frame, or as `BothWays` does.
    """

    def __init__(
        self,
        pictures: Pictures,
        luts: Mapping[str, LutSource] | None = None,
        *,
        frames: int = 8,
        span: float = 0.05,
        **options: Any,
    ) -> None:
        if frames < 1 or not 0 < span <= 1:
            raise InputError(f"takes of {frames} frames over {span} of a clip cannot be made")
        self.frames, self.span = frames, span
        super().__init__(pictures, luts, **{**options, "reference": "same_clip"})

    def __getitem__(self, index: int) -> UngradedSample:
        """Sample `index`: `frames` `[T, 3, S, S]`, `reference` `[1, 3, S, S]`, uint8."""
        rng = np.random.default_rng([self.seed, index])
        number, epoch = index % len(self.pictures.paths), index // len(self.pictures.paths)
        begin, there = rng.random(2)
        positions = begin * (1 - self.span) + self.span * np.arange(self.frames) / self.frames
        skipped: dict[str, str] = {}
        start = int(self._pass(epoch)[number])
        name, (*content, other) = self._read(start, [*positions.tolist(), float(there)], skipped)
        rows, weights = self._draw(rng)
        view, place = self._view(rng), int(rng.integers(2**32))
        crops = [self._crop(picture, view, np.random.default_rng(place)) for picture in content]  # the same place
        return UngradedSample(
            frames=torch.stack(crops),
            reference=self._crop(other, self._view(rng), rng)[None],
            name=f"{index}:{name}",
            rows=torch.from_numpy(rows),
            weights=torch.from_numpy(weights),
            skipped=tuple(skipped.items()),
        )
