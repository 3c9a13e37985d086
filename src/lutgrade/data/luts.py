"""Where the grades of training pairs come from: LUT files, looks, random looks, and mixtures of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from lutgrade.data.splits import WHERE, files_by_name, split_of
from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table, looks, random_look
from lutgrade.lut.mix import stack_tables

MIXED = 3  # LUTs in a mixture


class LutSource(Protocol):
    """A family of LUTs; `weight` is how often it is drawn from, `mixed` how often what is drawn is a mixture."""

    weight: float
    mixed: float

    def __len__(self) -> int: ...

    def luts(self) -> list[Lut]: ...


class LutFiles:
    """The `.cube` files of a folder.

    Args:
        reserved: of the files sorted by name, every index divisible by this is left out, before any split: files
            that are kept for measuring (5 for the film LUTs).
        split: "train" or "val" by `splits.split_of` over `every`, which is the paper's 90/10 at 10; None takes all.
        mixed: the share of draws that are `a L1 + b L2 + (1 - a - b) L3` of three files, a and b ~ U(-1, 1), clipped
            (arXiv 2508.00548); the rest are the files as they are.

    Raises:
        InputError: no such folder, or no files in it (of the split).
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        reserved: int | None = None,
        split: str | None = None,
        every: int = 10,
        weight: float = 1.0,
        mixed: float = 0.0,
    ) -> None:
        if not Path(folder).is_dir():
            raise InputError(f"{folder}: no such folder of LUTs; {WHERE}")
        paths = files_by_name(folder, {".cube"})
        self.paths = split_of(paths if reserved is None else split_of(paths, "train", reserved), split, every)
        if not self.paths:
            raise InputError(f"{folder}: no .cube files there{f' of the split {split}' if split else ''}")
        self.weight, self.mixed = weight, mixed

    def __len__(self) -> int:
        return len(self.paths)

    def luts(self) -> list[Lut]:
        return [Lut.load(path) for path in self.paths]


class Looks:
    """The looks that come with lutgrade; `split` and `every` as for `LutFiles`, over their names in order."""

    def __init__(self, *, split: str | None = None, every: int = 10, weight: float = 1.0, mixed: float = 0.0) -> None:
        self.names = split_of(sorted(looks()), split, every)
        self.weight, self.mixed = weight, mixed

    def __len__(self) -> int:
        return len(self.names)

    def luts(self) -> list[Lut]:
        return [looks()[name].lut() for name in self.names]


class RandomLooks:
    """A number of random creative grades (`lutgrade.lut.random_look`), always the same for a seed."""

    def __init__(self, *, count: int = 256, seed: int = 0, weight: float = 1.0, mixed: float = 0.0) -> None:
        self.count, self.seed = count, seed
        self.weight, self.mixed = weight, mixed

    def __len__(self) -> int:
        return self.count

    def luts(self) -> list[Lut]:
        generator = torch.Generator().manual_seed(self.seed)
        return [random_look(generator).lut(17) for _ in range(self.count)]  # smooth: 17 nodes hold them


class LutBank:
    """The LUTs of several sources as one tensor, and draws from it.

    A draw is three rows of the bank and their weights, small enough to travel with a sample; `mixtures` makes the
    tables of a batch of draws on its device. Row 0 is the identity.

    Args:
        sources: families of LUTs; one of them is chosen for each draw, by its weight.
        size: nodes a side of all tables.
    """

    def __init__(self, sources: Sequence[LutSource], size: int = 33) -> None:
        weights = np.array([source.weight for source in sources], np.float64)
        if not len(sources) or (weights < 0).any() or not weights.sum():
            raise InputError("a LUT bank needs at least one source with a weight above 0")
        self.sources, self.size = list(sources), size
        self._chances = np.cumsum(weights) / weights.sum()
        self._first = 1 + np.cumsum([0, *map(len, sources)])  # the first row of each source
        self._tables: Tensor | None = None

    def __len__(self) -> int:
        return int(self._first[-1])

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Rows `[3]` int64 and weights `[3]` float32 of a random grade; the weights sum to 1."""
        chosen = min(int(np.searchsorted(self._chances, rng.random(), side="right")), len(self.sources) - 1)
        rows = rng.integers(self._first[chosen], self._first[chosen + 1], MIXED)
        a, b = rng.uniform(-1, 1, 2)
        if rng.random() >= self.sources[chosen].mixed:
            a, b = 1, 0
        return rows, np.array([a, b, 1 - a - b], np.float32)

    def tables(self, device: torch.device | str = "cpu") -> Tensor:
        """All LUTs, `[K, 3, S, S, S]`; made at the first call, then kept on the device that was asked for last."""
        if self._tables is None:
            luts = [lut for source in self.sources for lut in source.luts()]
            tables = stack_tables([Lut(identity_table(2)), *luts], self.size)
            self._tables = tables.float()
        if self._tables.device != torch.device(device):
            self._tables = self._tables.to(device)
        return self._tables

    def mixtures(self, rows: Tensor, weights: Tensor) -> Tensor:
        """The tables `[B, 3, S, S, S]` of draws `[B, 3]`, in [0, 1], on the device of the draws."""
        tables = self.tables(rows.device)  # [K, 3, S, S, S]
        mixed = embedding_bag(rows, tables.flatten(1), per_sample_weights=weights, mode="sum")
        return mixed.clamp_(0, 1).view(-1, *tables.shape[1:])

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_tables": None}  # the workers of a loader only draw
