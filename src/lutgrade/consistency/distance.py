"""How far clips lie apart in colour, between their means and between their distributions.

In the unit of their encoding: CIEDE2000 for SDR, Delta E ITP for HDR.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from lutgrade.consistency.encoding import SDR, Encoding

DEPTH = 7  # halvings: 128 cells stand for a distribution
SLANT = np.array([1.0, math.pi / 3, math.e / 2])


@dataclass(frozen=True)
class Pair:
    """Two clips by name, and how far they lie apart."""

    a: str
    b: str
    mean: float  # between their mean colours
    distribution: float  # mean over colours coupled by optimal transport

    def as_dict(self) -> dict[str, object]:
        return {"a": self.a, "b": self.b, "mean": round(self.mean, 3), "distribution": round(self.distribution, 3)}


@dataclass(frozen=True)
class Consistency:
    """All pairs that ought to match."""

    pairs: tuple[Pair, ...]

    @property
    def worst(self) -> Pair | None:
        """The pair whose mean colours lie farthest apart; None where there is no pair."""
        return max(self.pairs, key=lambda pair: pair.mean, default=None)

    @property
    def mean(self) -> float:
        """The mean over pairs between mean colours, 0 without any."""
        return sum(pair.mean for pair in self.pairs) / max(1, len(self.pairs))

    @property
    def distribution(self) -> float:
        """The mean over pairs between distributions, 0 without any."""
        return sum(pair.distribution for pair in self.pairs) / max(1, len(self.pairs))

    def below(self, threshold: float) -> bool:
        """Whether the mean colours of every pair lie less than a threshold apart."""
        return self.worst is None or self.worst.mean < threshold

    def as_dict(self) -> dict[str, object]:
        return {
            "mean": round(self.mean, 3),
            "distribution": round(self.distribution, 3),
            "worst": self.worst.as_dict() if self.worst else None,
            "pairs": [pair.as_dict() for pair in self.pairs],
        }


@dataclass(frozen=True, eq=False)
class Signature:
    """What distances are measured on: a mean `[3]`, and `[2 ** DEPTH, 3]` colours of equal weight, measured."""

    mean: Tensor
    cells: Tensor
    encoding: Encoding = SDR


def signature(colors: Tensor, encoding: Encoding = SDR) -> Signature:
    """The signature of code values `[3, N]` in [0, 1], with N a multiple of 128."""
    measured = encoding.measured(colors.double())  # [3, N]
    return Signature(measured.mean(1), equal_cells(measured.T, DEPTH), encoding)


def mean_difference(first: Signature, second: Signature) -> float:
    """Between the mean colours of two clips."""
    return float(first.encoding.difference(first.mean[:, None, None], second.mean[:, None, None]))


def distribution_difference(first: Signature, second: Signature) -> float:
    """The mean difference of the cells of two clips, coupled one to one by exact optimal transport.

    The coupling has the least mean squared distance on the axes. It bounds what a viewer can find different between
    two clips of one content, and does not reach 0 between clips of unlike content.
    """
    from scipy.optimize import linear_sum_assignment

    _, columns = linear_sum_assignment(torch.cdist(first.cells, second.cells).square().numpy())
    return float(first.encoding.difference(first.cells.T[:, None], second.cells[columns].T[:, None]).mean())


def compare(named: Sequence[tuple[str, Signature]]) -> Consistency:
    """Every pair of some clips."""
    return Consistency(
        tuple(
            Pair(a, b, mean_difference(x, y), distribution_difference(x, y))
            for (a, x), (b, y) in combinations(named, 2)
        )
    )


def joined(parts: Sequence[Consistency]) -> Consistency:
    """The pairs of several groups, in one."""
    return Consistency(tuple(pair for part in parts for pair in part.pairs))


def equal_cells(colors: Tensor, depth: int) -> Tensor:
    """The means `[2 ** depth, 3]` of cells of equal size: colours `[N, 3]` halved at the median of their widest axis.

    Means of cells vary far less from sample to sample than so many colours drawn at random would. The colours are
    sorted first, along a line on which no two are likely to meet, so that nothing hangs on the order they came in.
    """
    axes = colors.numpy().T  # [3, N]; NumPy partitions, where torch would have to sort
    cells = axes[:, np.argsort(SLANT @ axes)][:, None]  # [3, cells, n]
    for _ in range(depth):
        widest = cells.var(axis=2).argmax(axis=0)  # [cells]
        keys = cells[widest, np.arange(cells.shape[1])]  # [cells, n]
        halves = np.argpartition(keys, keys.shape[1] // 2, axis=1)
        cells = np.take_along_axis(cells, halves[None], axis=2).reshape(3, 2 * cells.shape[1], -1)
    return torch.from_numpy(cells.mean(axis=2).T.copy())
