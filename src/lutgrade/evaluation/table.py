"""A table of results beside those that a paper prints: paper, ours, difference, status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lutgrade.evaluation.summary import Summary

NOT_RUN, NOT_APPLICABLE = "not run", "n/a"


@dataclass(frozen=True)
class Column:
    """A metric on a data set, on one clip of it or (clip "") on all."""

    data: str
    metric: str
    clip: str = ""


@dataclass(frozen=True)
class Measure:
    """What a table knows of a metric; `scale` is what papers multiply it by, `why` says why it cannot be computed."""

    name: str
    unit: str
    lower_is_better: bool
    scale: float = 1.0
    why: str | None = None


@dataclass(frozen=True)
class Cell:
    """One number of the paper's and ours. `status` is pass, fail, n/a, not run, or empty: nothing to compare with.

    Attributes:
        spread: the paper's deviation.
        deviation: ours: over the runs of several seeds, or over items where the paper tells its own.
    """

    paper: float | None
    spread: float | None
    ours: Summary | None
    status: str
    why: str = ""
    deviation: float | None = None

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's."""
        return None if self.ours is None or self.paper is None else self.ours.mean - self.paper


@dataclass(frozen=True)
class Table:
    """Cells by row and column, and what is told of whole rows.

    Attributes:
        worse: the share of items worse than the baseline, by data set and row.
        milliseconds: the median over items of predicting one, by row.
        order: the data set of the paper's numbers and ours, where the order of the rows is compared.
    """

    title: str
    source: str
    notes: list[str]
    rows: list[str]
    columns: list[Column]
    measures: dict[str, Measure]
    cells: dict[tuple[str, Column], Cell]
    baseline: str | None = None
    worse: dict[tuple[str, str], float] = field(default_factory=dict)
    milliseconds: dict[str, float] = field(default_factory=dict)
    order: tuple[str, list[str]] | None = None

    def heading(self, column: Column, *, unit: bool = True) -> str:
        """What stands over a column."""
        measure = self.measures[column.metric]
        where = f"{column.data}/{column.clip}" if column.clip else column.data
        factor = f" x {measure.scale:g}" if measure.scale != 1 else ""
        return f"{where}: {measure.name}{factor}" + (f" ({measure.unit})" if unit and measure.unit else "")


def measure_of(config: Mapping[str, Any], metric: Any | None, scale: float) -> Measure:
    """What a table knows of a metric: from the metric itself, or from a configuration that only names it."""
    if metric is not None:
        return Measure(metric.name, metric.unit, metric.lower_is_better, scale)
    return Measure(config["name"], config.get("unit") or "", config["lower_is_better"], scale, config["why"])
