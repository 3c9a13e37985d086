"""The order of a table's rows beside the paper's: what is left to compare where the data are others."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from lutgrade.evaluation.summary import Summary
from lutgrade.evaluation.table import Column, Table


@dataclass(frozen=True)
class Swap:
    """Two rows that the paper has the other way round; `apart` where the intervals of ours do not overlap."""

    above: str
    below: str
    apart: bool


@dataclass(frozen=True)
class Order:
    """The rows of a paper's column that have a number of ours, by a metric on one of our data sets.

    Attributes:
        paper: the paper's numbers by row, its best first.
        ours: the rank of each in ours, from 1; equal values share one.
        same: how many pairs of rows are in the paper's order.
        swaps: those that are not; pairs that are equal in either count as neither.
    """

    metric: str
    data: str
    paper: dict[str, float]
    ours: dict[str, int]
    same: int
    swaps: list[Swap]


def orders(table: Table) -> list[Order]:
    """The orders of a table that compares them, where two rows at least can be; by metric, then by data set."""
    if table.order is None:
        return []
    source, targets = table.order
    found = []
    for metric in dict.fromkeys(column.metric for column in table.columns if column.data == source):
        for data in targets:
            order = _order(table, Column(source, metric), Column(data, metric))
            if order is not None:
                found.append(order)
    return found


def _order(table: Table, source: Column, target: Column) -> Order | None:
    sign = 1 if table.measures[source.metric].lower_is_better else -1
    both = [
        (row, sign * paper.paper, ours.ours)
        for row in table.rows
        if (paper := table.cells[row, source]).paper is not None
        and (ours := table.cells.get((row, target))) is not None
        and ours.ours is not None
    ]
    if len(both) < 2:
        return None
    both.sort(key=lambda entry: entry[1])
    means = [sign * ours.mean for _, _, ours in both]
    same, swaps = 0, []
    for (a, first, ours_a), (b, second, ours_b) in combinations(both, 2):
        if first == second or ours_a.mean == ours_b.mean:
            continue
        if sign * ours_a.mean < sign * ours_b.mean:
            same += 1
        else:
            swaps.append(Swap(b, a, _apart(ours_a, ours_b)))
    ranks = {row: 1 + sum(mean < sign * ours.mean for mean in means) for row, _, ours in both}
    return Order(target.metric, target.data, {row: sign * paper for row, paper, _ in both}, ranks, same, swaps)


def _apart(a: Summary, b: Summary) -> bool:
    return a.high < b.low or b.high < a.low


def orders_markdown(table: Table) -> list[str]:
    """A line for each metric and data set: the rows in the paper's order, their rank in ours, and what is swapped."""
    found = orders(table)
    if not found:
        return []
    lines = ["The paper's order, best first, with its numbers and the rank in ours:", ""]
    for order in found:
        ranked = ", ".join(f"{row} ({paper:g}; {order.ours[row]})" for row, paper in order.paper.items())
        pairs = order.same + len(order.swaps)
        told = f"{order.same} of {pairs} pairs in the paper's order" if pairs else "all equal"
        lines.append(f"- {table.measures[order.metric].name} on {order.data}: {ranked}; {told}{_swaps(order.swaps)}")
    return [*lines, ""]


def _swaps(swaps: list[Swap]) -> str:
    """The pairs that are in another order, those beyond chance first."""
    if not swaps:
        return "."
    kinds = (("the other way round beyond the intervals", True), ("the other way round within them", False))
    told = []
    for kind, apart in kinds:
        pairs = [f"{swap.above} above {swap.below}" for swap in swaps if swap.apart == apart]
        if pairs:
            told.append(f"{kind}: {', '.join(pairs)}")
    return "; " + "; ".join(told) + "."
