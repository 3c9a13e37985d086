"""A table of results beside those that a paper prints: paper, ours, difference, status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from lutgrade.errors import InputError, LutgradeError
from lutgrade.evaluation.score import Score, Scores
from lutgrade.evaluation.summary import Summary, share_worse, summarise

NOT_RUN, NOT_APPLICABLE = "not run", "n/a"
OUTSIDE = "it is no method of ours; score its outputs with method=folder path=<folder> row='{name}'"


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
    """One number of the paper's and ours. `status` is pass, fail, n/a, not run, or empty: nothing to compare with."""

    paper: float | None
    spread: float | None
    ours: Summary | None
    status: str
    why: str = ""

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

    def heading(self, column: Column, *, unit: bool = True) -> str:
        """What stands over a column."""
        measure = self.measures[column.metric]
        where = f"{column.data}/{column.clip}" if column.clip else column.data
        factor = f" x {measure.scale:g}" if measure.scale != 1 else ""
        return f"{where}: {measure.name}{factor}" + (f" ({measure.unit})" if unit and measure.unit else "")


class TableBuilder:
    """Makes a table of its configuration (`configs/table`) and of scores.

    Args:
        config: resolved; `rows` is a list of mappings with a `name` and the paper's values.
        measures: of the metrics, by their names in the configuration.
        metrics: those that can be computed.
        scores: of the run.
        absent_data: why a data set cannot be used, by name.
        absent_methods: why a row has no method, by name.
        seed: of the bootstrap.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        measures: dict[str, Measure],
        metrics: Mapping[str, Any],
        scores: Scores,
        absent_data: Mapping[str, str],
        absent_methods: Mapping[str, str],
        *,
        seed: int = 0,
    ) -> None:
        self.config, self.measures, self.metrics, self.scores = config, measures, metrics, scores
        self.absent_data, self.absent_methods, self.seed = absent_data, absent_methods, seed
        self.papers = {row["name"]: row.get("paper") or {} for row in config["rows"]}
        self._check()
        self._grouped: dict[tuple[str, str, str], list[Score]] = {}
        for score in scores.scores:
            self._grouped.setdefault((score.method, score.data, score.metric), []).append(score)

    def table(self) -> Table:
        """The table."""
        rows, columns = list(self.papers), self._columns()
        cells = {(row, column): self._cell(row, column) for row in rows for column in columns}
        return Table(
            title=self.config["title"],
            source=self.config.get("source") or "",
            notes=self._notes(),
            rows=rows,
            columns=columns,
            measures=self.measures,
            cells=cells,
            baseline=self.config.get("baseline"),
            worse=self._worse(),
            milliseconds=self._milliseconds(rows),
        )

    def _check(self) -> None:
        for row, paper in self.papers.items():
            for data, values in paper.items():
                if data not in self.config["datasets"]:
                    raise InputError(f"the row {row} has values for the data set {data}, which the table has not")
                for metric in values:
                    if metric not in self.measures:
                        raise InputError(f"the row {row} has values for the metric {metric}, which the table has not")

    def _columns(self) -> list[Column]:
        """Of a data set with values of a paper, what the paper gives; of another, all metrics."""
        columns = []
        for data in self.config["datasets"]:
            given = {metric for paper in self.papers.values() for metric in paper.get(data, {})}
            for metric in self.measures:
                if given and metric not in given:
                    continue
                if self.config.get("per_clip"):
                    columns += [Column(data, metric, clip) for clip in self._clips(data, metric)]
                    if given and not any(score.data == data for score in self.scores.scores):
                        continue  # the paper's own means are not compared with: a mean of ours alone would be empty
                columns.append(Column(data, metric))
        return columns

    def _clips(self, data: str, metric: str) -> list[str]:
        named = [clip for paper in self.papers.values() for clip in _by_clip(paper.get(data, {}).get(metric))]
        scored = [score.clip for score in self.scores.scores if score.data == data and score.metric == metric]
        return list(dict.fromkeys([*named, *scored]))

    def _cell(self, row: str, column: Column) -> Cell:
        paper, spread = self._paper(row, column)
        ours = self._ours(row, column)
        if ours is None:
            return Cell(paper, spread, None, *self._reason(row, column))
        if paper is None:
            return Cell(None, None, ours, "")
        measure = self.measures[column.metric]
        loss = ours.mean - paper if measure.lower_is_better else paper - ours.mean
        good = loss <= self.config.get("tolerance", 0.05) * abs(paper)
        return Cell(paper, spread, ours, "pass" if good else "fail")

    def _paper(self, row: str, column: Column) -> tuple[float | None, float | None]:
        """The paper's value and its deviation, where it prints them."""
        value = self.papers[row].get(column.data, {}).get(column.metric)
        value = _by_clip(value).get(column.clip)
        return (value[0], value[1]) if isinstance(value, list) else (value, None)

    def _ours(self, row: str, column: Column) -> Summary | None:
        if (column.data, row) in self.scores.missing:  # a mean of some of the items does not compare
            return None
        metric, scale = self.metrics.get(column.metric), self.measures[column.metric].scale
        pairs = self.scores.features.get((column.data, row, column.metric))
        if pairs is not None:
            return _distance(metric, pairs, scale)
        scores = self._grouped.get((row, column.data, column.metric), [])
        scores = [score for score in scores if not column.clip or score.clip == column.clip]
        return summarise([scale * s.mean for s in scores], [s.clip for s in scores], seed=self.seed)

    def _reason(self, row: str, column: Column) -> tuple[str, str]:
        if row in self.absent_methods:
            return NOT_RUN, self.absent_methods[row]
        if column.data in self.absent_data:
            return NOT_RUN, self.absent_data[column.data]
        if (column.data, row) in self.scores.missing:
            return NOT_RUN, self.scores.missing[column.data, row]
        why = self.measures[column.metric].why
        if why:
            return NOT_RUN, why
        undefined = self.scores.undefined.get((column.data, row, column.metric))
        if undefined:
            return NOT_APPLICABLE, undefined
        if column.clip and not any(s.clip == column.clip and s.data == column.data for s in self.scores.scores):
            return NOT_RUN, f"there is no clip {column.clip} in {column.data}"
        return NOT_APPLICABLE, "the metric is not defined for any frame"

    def _worse(self) -> dict[tuple[str, str], float]:
        """The share of items worse than the baseline by the table's first metric."""
        baseline = self.config.get("baseline")
        if baseline is None or not self.metrics:
            return {}
        metric = next(iter(self.metrics))
        shares = {}
        for (row, data, key), scores in self._grouped.items():
            reference = {s.item: s.mean for s in self._grouped.get((baseline, data, metric), [])}
            common = [s for s in scores if s.item in reference]
            if key == metric and row != baseline and common:
                shares[data, row] = share_worse(
                    [s.mean for s in common],
                    [reference[s.item] for s in common],
                    lower_is_better=self.measures[metric].lower_is_better,
                )
        return shares

    def _milliseconds(self, rows: list[str]) -> dict[str, float]:
        taken = {
            row: [s for (_, name), all_ in self.scores.seconds.items() if name == row for s in all_] for row in rows
        }
        return {row: 1000 * median(seconds) for row, seconds in taken.items() if seconds}

    def _notes(self) -> list[str]:
        notes = [self.config["note"]] if self.config.get("note") else []
        notes += [f"{self.measures[metric].name}: {note}." for metric, note in self.scores.notes.items()]
        partly = {
            f"{self.measures[metric].name} on {data} is without some items: {why}."
            for (data, row, metric), why in self.scores.undefined.items()
            if (row, data, metric) in self._grouped
        }
        notes += sorted(partly)
        skipped = [f"{data}/{item} ({why})" for (data, item), why in self.scores.skipped.items()]
        return [*notes, f"Left out as unreadable: {'; '.join(skipped) or 'none'}."]


def measure_of(config: Mapping[str, Any], metric: Any | None, scale: float) -> Measure:
    """What a table knows of a metric: from the metric itself, or from a configuration that only names it."""
    if metric is not None:
        return Measure(metric.name, metric.unit, metric.lower_is_better, scale)
    return Measure(config["name"], config.get("unit") or "", config["lower_is_better"], scale, config["why"])


def _by_clip(value: Any) -> Mapping[str, Any]:
    """A row's values by clip; a single one is of all clips."""
    if value is None:
        return {}
    return value if isinstance(value, Mapping) else {"": value}


def _distance(metric: Any, pairs: list[Any], scale: float) -> Summary | None:
    """The distance between all features of ours and all wanted ones; a set has one value and no interval."""
    import torch

    ours, real = (torch.cat([pair[side] for pair in pairs]) for side in (0, 1))
    try:
        value = scale * metric.distance(ours, real)
    except LutgradeError:
        return None
    return Summary(value, value, value, len(pairs), len(pairs))
