"""Means with intervals: what is averaged, and over what it is resampled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import torch

RESAMPLES = 2000


@dataclass(frozen=True)
class Summary:
    """A mean over items and its 95 % interval; `items` of `clips` clips went in."""

    mean: float
    low: float
    high: float
    items: int
    clips: int


def summarise(values: Sequence[float], clips: Sequence[str], *, seed: int = 0) -> Summary | None:
    """The mean over items, and a 95 % percentile bootstrap interval that resamples clips, not items or frames.

    The interval is the mean itself where there is one clip, or where the mean is infinite.

    Args:
        values: one an item; NaN, which is no score, is left out.
        clips: the clip or photograph of each item: items of one are not independent.
        seed: of the bootstrap.

    Returns:
        None where no value is left.
    """
    kept = [(value, clip) for value, clip in zip(values, clips, strict=True) if not math.isnan(value)]
    if not kept:
        return None
    scores = torch.tensor([value for value, _ in kept], dtype=torch.float64)
    names = sorted({clip for _, clip in kept})
    mean = float(scores.mean())
    if len(names) == 1 or math.isinf(mean):
        return Summary(mean, mean, mean, len(kept), len(names))
    owner = torch.tensor([names.index(clip) for _, clip in kept])
    totals = torch.zeros(len(names), dtype=torch.float64).index_add_(0, owner, scores)
    counts = torch.bincount(owner, minlength=len(names)).double()
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randint(len(names), (RESAMPLES, len(names)), generator=generator)
    means = totals[draws].sum(1) / counts[draws].sum(1)
    low, high = torch.quantile(means, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Summary(mean, low, high, len(kept), len(names))


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation of the finite values; None of fewer than two."""
    finite = [value for value in values if math.isfinite(value)]
    return stdev(finite) if len(finite) > 1 else None


def mean_of_runs(runs: Sequence[Summary | None]) -> tuple[Summary | None, float | None]:
    """The mean over runs, without an interval, and its deviation; None where a run has no value."""
    found = [run for run in runs if run is not None]
    if not found or len(found) < len(runs):
        return None, None
    mean = fmean(run.mean for run in found)
    return Summary(mean, mean, mean, found[0].items, found[0].clips), deviation([run.mean for run in found])


def share_worse(values: Sequence[float], baseline: Sequence[float], *, lower_is_better: bool) -> float:
    """The share of items, in [0, 1], that score worse than the baseline does on the same items."""
    worse = [(a > b) if lower_is_better else (a < b) for a, b in zip(values, baseline, strict=True)]
    return sum(worse) / len(worse)
