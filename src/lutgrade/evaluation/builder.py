"""Makes a table from its configuration and from scores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from statistics import fmean, median
from typing import Any

from lutgrade.errors import InputError, LutgradeError
from lutgrade.evaluation.rows import Methods
from lutgrade.evaluation.score import Score, Scores
from lutgrade.evaluation.summary import Summary, deviation, mean_of_runs, share_worse, summarise
from lutgrade.evaluation.table import NOT_APPLICABLE, NOT_RUN, Cell, Column, Measure, Table


class TableBuilder:
    """Makes a table of its configuration (`configs/table`) and of scores.

    Args:
        config: resolved; `rows` is a list of mappings with a `name` and the paper's values.
        measures: of the metrics, by their names in the configuration.
        metrics: those that can be computed.
        scores: of the run.
        absent_data: why a data set cannot be used, by name.
        methods: of the rows, and why a row has none.
        seed: of the bootstrap.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        measures: dict[str, Measure],
        metrics: Mapping[str, Any],
        scores: Scores,
        absent_data: Mapping[str, str],
        methods: Methods,
        *,
        seed: int = 0,
    ) -> None:
        self.config, self.measures, self.metrics, self.scores = config, measures, metrics, scores
        self.absent_data, self.methods, self.seed = absent_data, methods, seed
        self.papers = {row["name"]: row.get("paper") or {} for row in config["rows"]}
        self._check()
        self._grouped: dict[tuple[str, str, str], list[Score]] = {}
        for score in scores.scores:
            self._grouped.setdefault((score.method, score.data, score.metric), []).append(score)

    def table(self) -> Table:
        """The table."""
        rows, columns = list(self.papers), self._columns()
        cells = {(row, column): self._cell(row, column) for row in rows for column in columns}
        order = self.config.get("order")
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
            order=(order["paper"], order["ours"]) if order else None,
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
                    if self.config["per_clip"] == "only":
                        continue
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
        ours, own = self._ours(row, column)
        if ours is None:
            return Cell(paper, spread, None, *self._reason(row, column))
        if paper is None:
            return Cell(None, None, ours, "", deviation=own)
        measure = self.measures[column.metric]
        loss = ours.mean - paper if measure.lower_is_better else paper - ours.mean
        good = loss <= self.config.get("tolerance", 0.05) * abs(paper)
        return Cell(paper, spread, ours, "pass" if good else "fail", deviation=own)

    def _paper(self, row: str, column: Column) -> tuple[float | None, float | None]:
        """The paper's value and its deviation, where it prints them."""
        value = self.papers[row].get(column.data, {}).get(column.metric)
        value = _by_clip(value).get(column.clip)
        return (value[0], value[1]) if isinstance(value, list) else (value, None)

    def _ours(self, row: str, column: Column) -> tuple[Summary | None, float | None]:
        """The summary of a row, and its deviation: over its runs, or over items where the paper tells its own."""
        methods = self.methods.of(row)
        if any((column.data, method) in self.scores.missing for method in methods):
            return None, None  # a mean of some of the items does not compare
        metric, scale = self.metrics.get(column.metric), self.measures[column.metric].scale
        pairs = [self.scores.features.get((column.data, method, column.metric)) for method in methods]
        if all(pairs) and pairs:
            distances = [_distance(metric, pair, scale) for pair in pairs if pair]
            return mean_of_runs(distances)
        runs = [self._scores_of(method, column) for method in methods]
        summary = summarise(*_items(runs, scale), seed=self.seed)
        if summary is None:
            return None, None
        if len(runs) > 1:
            return summary, deviation([_mean(run) * scale for run in runs])
        told = any(self._paper(other, column)[1] is not None for other in self.papers)
        return summary, deviation([scale * s.mean for s in runs[0]]) if told else None

    def _scores_of(self, method: str, column: Column) -> list[Score]:
        scores = self._grouped.get((method, column.data, column.metric), [])
        return [score for score in scores if not column.clip or score.clip == column.clip]

    def _reason(self, row: str, column: Column) -> tuple[str, str]:
        studied = "scores" in self.config["datasets"][column.data]
        if studied and column.data in self.absent_data:
            return NOT_RUN, self.absent_data[column.data]
        if row in self.methods.absent:
            return NOT_RUN, self.methods.absent[row]
        if column.data in self.absent_data:
            return NOT_RUN, self.absent_data[column.data]
        for method in self.methods.of(row):
            if (column.data, method) in self.scores.missing:
                return NOT_RUN, self.scores.missing[column.data, method]
        why = self.measures[column.metric].why
        if why:
            return NOT_RUN, why
        for method in self.methods.of(row):
            if (column.data, method, column.metric) in self.scores.undefined:
                return NOT_APPLICABLE, self.scores.undefined[column.data, method, column.metric]
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
        for row, data in self._measured(metric):
            reference = {s.item: s.mean for s in self._grouped.get((baseline, data, metric), [])}
            scores = [s for method in self.methods.of(row) for s in self._grouped.get((method, data, metric), [])]
            common = [s for s in scores if s.item in reference]
            if row != baseline and common:
                shares[data, row] = share_worse(
                    [s.mean for s in common],
                    [reference[s.item] for s in common],
                    lower_is_better=self.measures[metric].lower_is_better,
                )
        return shares

    def _measured(self, metric: str) -> Iterator[tuple[str, str]]:
        """Rows and data sets with scores in a metric."""
        found = {(method, data) for method, data, key in self._grouped if key == metric}
        for row in self.papers:
            yield from ((row, data) for data in self.config["datasets"] if (self.methods.of(row)[0], data) in found)

    def _milliseconds(self, rows: list[str]) -> dict[str, float]:
        taken = {
            row: [s for (_, name), all_ in self.scores.seconds.items() if name in self.methods.of(row) for s in all_]
            for row in rows
        }
        return {row: 1000 * median(seconds) for row, seconds in taken.items() if seconds}

    def _notes(self) -> list[str]:
        notes = [self.config["note"]] if self.config.get("note") else []
        notes += self.methods.notes
        notes += [f"{self.measures[metric].name}: {note}." for metric, note in self.scores.notes.items()]
        partly = {
            f"{self.measures[metric].name} on {data} is without some items: {why}."
            for (data, method, metric), why in self.scores.undefined.items()
            if (method, data, metric) in self._grouped
        }
        notes += sorted(partly)
        skipped = [f"{data}/{item} ({why})" for (data, item), why in self.scores.skipped.items()]
        return [*notes, f"Left out as unreadable: {'; '.join(skipped) or 'none'}."]


def _by_clip(value: Any) -> Mapping[str, Any]:
    """A row's values by clip; a single one is of all clips."""
    if value is None:
        return {}
    return value if isinstance(value, Mapping) else {"": value}


def _items(runs: list[list[Score]], scale: float) -> tuple[list[float], list[str]]:
    """The score of each item, its mean over runs, and the item's clip."""
    values: dict[str, list[float]] = {}
    clips: dict[str, str] = {}
    for score in (score for run in runs for score in run):
        name = f"{score.clip}/{score.item}"  # in a study, an item is answered by several
        values.setdefault(name, []).append(scale * score.mean)
        clips[name] = score.clip
    return [fmean(found) for found in values.values()], list(clips.values())


def _mean(scores: list[Score]) -> float:
    """Over items; those that are NaN are left out."""
    values = [score.mean for score in scores if not math.isnan(score.mean)]
    return fmean(values) if values else math.nan


def _distance(metric: Any, pairs: list[Any], scale: float) -> Summary | None:
    """The distance between all features of ours and all wanted ones; a set has one value and no interval."""
    import torch

    ours, real = (torch.cat([pair[side] for pair in pairs]) for side in (0, 1))
    try:
        value = scale * metric.distance(ours, real)
    except LutgradeError:
        return None
    return Summary(value, value, value, len(pairs), len(pairs))
