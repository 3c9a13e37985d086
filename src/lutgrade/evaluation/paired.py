"""Models on the paired protocol: scores per pair, and their means with an interval over photographs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lutgrade.data.pairs import PairedProtocol, film_fifth
from lutgrade.metrics.fidelity import CIEDE2000, PSNR, SSIM
from lutgrade.protocols import LutModel, Metric, Sample

METRICS: tuple[Metric, ...] = (PSNR(), SSIM(), CIEDE2000())
BASELINE = "identity"
RESAMPLES = 2000


@dataclass(frozen=True)
class Scores:
    """What one model scored: `values[metric]` and `seconds` of predicting, a number per pair `[P]`."""

    pairs: list[str]  # "photograph/LUT"
    values: dict[str, Tensor]
    seconds: Tensor

    @property
    def photographs(self) -> list[str]:
        """The photograph of each pair; pairs of one photograph are not independent."""
        return [pair.split("/")[0] for pair in self.pairs]


@dataclass(frozen=True)
class Summary:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float


def protocols(data: str | Path, *, per_photo: int = 2) -> dict[str, PairedProtocol]:
    """The two LUT families of the benchmark, `creative` and `film`, from a folder with `photos` and `luts`."""
    photos, luts = Path(data) / "photos" / "val", Path(data) / "luts"
    return {
        "creative": PairedProtocol(photos, luts / "val", per_photo=per_photo),
        "film": PairedProtocol(photos, film_fifth(luts / "film"), per_photo=per_photo),
    }


def evaluate(
    models: Mapping[str, LutModel],
    samples: Iterable[Sample],
    *,
    metrics: Sequence[Metric] = METRICS,
) -> dict[str, Scores]:
    """Scores every model on every pair; the graded content is scored as it is, not rounded to 8 bits.

    Args:
        models: by name.
        samples: the pairs, such as a `PairedProtocol`; each is read once.
        metrics: what to score with.
    """
    pairs: list[str] = []
    values: dict[str, dict[str, list[float]]] = {name: {m.name: [] for m in metrics} for name in models}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for sample in samples:
        pairs.append(sample.name)
        for name, model in models.items():
            begin = time.perf_counter()
            grade = model(sample.frames, sample.reference)
            seconds[name].append(time.perf_counter() - begin)
            graded = grade(sample.frames)
            for metric in metrics:
                values[name][metric.name].append(float(metric(graded, sample)))
    return {
        name: Scores(pairs, {m: torch.tensor(v) for m, v in values[name].items()}, torch.tensor(seconds[name]))
        for name in models
    }


def summarise(scores: Scores, metric: str, *, seed: int = 0) -> Summary:
    """The mean over pairs and a 95 % percentile bootstrap interval that resamples photographs, not pairs."""
    values = scores.values[metric].double()
    names = sorted(set(scores.photographs))
    owner = torch.tensor([names.index(photo) for photo in scores.photographs])
    totals = torch.zeros(len(names), dtype=torch.float64).index_add_(0, owner, values)
    counts = torch.bincount(owner, minlength=len(names)).double()
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randint(len(names), (RESAMPLES, len(names)), generator=generator)
    means = totals[draws].sum(1) / counts[draws].sum(1)
    low, high = torch.quantile(means, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Summary(float(values.mean()), low, high)


def share_worse(scores: Scores, baseline: Scores) -> float:
    """The share of pairs, in [0, 1], whose PSNR is under the baseline's."""
    return float((scores.values["PSNR"] < baseline.values["PSNR"]).double().mean())


def table(results: Mapping[str, Mapping[str, Scores]], *, seed: int = 0) -> str:
    """A Markdown table: a row per model, the metrics and the share of pairs worse than identity per family.

    Args:
        results: `results[family][model]`, with the model `identity` in every family.
        seed: of the bootstrap.
    """
    columns, rows = ["method"], {name: [name] for name in next(iter(results.values()))}
    for family, models in results.items():
        columns += [_heading(family, metric) for metric in METRICS] + [f"{family}: worse than identity"]
        for name, scores in models.items():
            rows[name] += [_cell(summarise(scores, m.name, seed=seed), _digits(m)) for m in METRICS]
            rows[name].append("" if name == BASELINE else f"{100 * share_worse(scores, models[BASELINE]):.0f} %")
    columns.append("ms a pair")
    for name, row in rows.items():
        taken = torch.cat([models[name].seconds for models in results.values()])
        row.append(f"{1000 * float(taken.median()):.0f}")
    rule = ["---"] + ["---:"] * (len(columns) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [columns, rule, *rows.values()])


def as_json(results: Mapping[str, Mapping[str, Scores]], *, seed: int = 0) -> dict[str, Any]:
    """The same for machines, with every pair's scores."""
    return {
        family: {
            "pairs": models[BASELINE].pairs,
            "models": {
                name: {
                    "summary": {m.name: vars(summarise(scores, m.name, seed=seed)) for m in METRICS},
                    "worse_than_identity": share_worse(scores, models[BASELINE]),
                    "median_seconds": float(scores.seconds.median()),
                    "scores": {m: [round(v, 4) for v in values.tolist()] for m, values in scores.values.items()},
                }
                for name, scores in models.items()
            },
        }
        for family, models in results.items()
    }


def _heading(family: str, metric: Metric) -> str:
    return f"{family}: {metric.name}" + (f" ({metric.unit})" if metric.unit else "")


def _digits(metric: Metric) -> int:
    return 3 if metric.name == "SSIM" else 2


def _cell(summary: Summary, digits: int) -> str:
    return f"{summary.mean:.{digits}f} [{summary.low:.{digits}f}, {summary.high:.{digits}f}]"
