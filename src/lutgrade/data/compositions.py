"""Grades upon grades: more LUTs to train on than there are files."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lutgrade.data.luts import LutSource
from lutgrade.errors import InputError
from lutgrade.lut import Lut

SIZE = 17  # nodes; what is seen of these LUTs in training is their tables, which need not be those of any files
WEAKEST = 0.3  # strength of either grade


class Compositions:
    """A number of random LUTs, each of which grades with two others one after the other; the same for a seed.

    Both are drawn from the same sources, by their weights, at a strength between 0.3 and 1.

    Args:
        of: sources of LUTs, by any name.
        count: how many.
        seed: of what is drawn.
        weight: as `LutSource` has it.
        mixed: as `LutSource` has it.

    Raises:
        InputError: there are no sources.
    """

    def __init__(
        self,
        of: Mapping[str, LutSource],
        *,
        count: int = 256,
        seed: int = 0,
        weight: float = 1.0,
        mixed: float = 0.0,
    ) -> None:
        if not of:
            raise InputError("compositions need a source of LUTs")
        self.of, self.count, self.seed = list(of.values()), count, seed
        self.weight, self.mixed = weight, mixed

    def __len__(self) -> int:
        return self.count

    def luts(self) -> list[Lut]:
        rng = np.random.default_rng(self.seed)
        chances = np.array([source.weight for source in self.of], np.float64)
        known = [source.luts() for source in self.of]

        def graded() -> Lut:
            luts = known[int(rng.choice(len(known), p=chances / chances.sum()))]
            return luts[int(rng.integers(len(luts)))].blend(float(rng.uniform(WEAKEST, 1)))

        return [graded().compose(graded(), size=SIZE) for _ in range(self.count)]
