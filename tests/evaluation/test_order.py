"""The order of rows beside the paper's."""

from __future__ import annotations

from lutgrade.evaluation.order import Swap, orders, orders_markdown
from lutgrade.evaluation.summary import Summary
from lutgrade.evaluation.table import Cell, Column, Measure, Table

PAPER, OURS = Column("p", "m"), Column("d", "m")


def table(rows: dict[str, tuple[float | None, tuple[float, float] | None]], lower_is_better: bool = False) -> Table:
    """Of each row, the paper's value, and the mean of ours and the half of its interval."""
    cells = {}
    for row, (paper, ours) in rows.items():
        summary = None if ours is None else Summary(ours[0], ours[0] - ours[1], ours[0] + ours[1], 9, 9)
        cells[row, PAPER] = Cell(paper, None, None, "not run", "elsewhere")
        cells[row, OURS] = Cell(None, None, summary, "")
    measures = {"m": Measure("M", "dB", lower_is_better)}
    return Table("t", "s", [], list(rows), [PAPER, OURS], measures, cells, order=("p", ["d"]))


def test_pairs_are_counted_and_swaps_are_named() -> None:
    (order,) = orders(
        table({"a": (1, (20, 0.5)), "b": (3, (22, 0.5)), "c": (4, (19, 2)), "none": (9, None), "ours": (None, (30, 1))})
    )
    assert order.paper == {"c": 4, "b": 3, "a": 1}
    assert list(order.paper) == ["c", "b", "a"]
    assert order.ours == {"c": 3, "b": 1, "a": 2}
    assert order.same == 1
    assert order.swaps == [Swap("b", "c", apart=True), Swap("a", "c", apart=False)]


def test_lower_is_better_where_it_is() -> None:
    rows = {"a": (1.0, (5.0, 0.1)), "b": (2.0, (6.0, 0.1))}
    assert [order.same for order in orders(table(rows, lower_is_better=True))] == [1]
    assert list(orders(table(rows, lower_is_better=True))[0].paper) == ["a", "b"]
    assert list(orders(table(rows))[0].paper) == ["b", "a"]


def test_equal_rows_count_as_neither() -> None:
    (order,) = orders(table({"a": (1, (5, 0)), "b": (2, (5, 0)), "c": (2, (6, 0))}))
    assert (order.same, order.swaps, order.ours) == (1, [], {"b": 2, "c": 1, "a": 2})


def test_the_words() -> None:
    text = "\n".join(orders_markdown(table({"a": (1, (20, 0.5)), "b": (3, (22, 0.5)), "c": (4, (19, 2))})))
    assert "- M on d: c (4; 3), b (3; 1), a (1; 2); 1 of 3 pairs in the paper's order" in text
    assert "; the other way round beyond the intervals: b above c; the other way round within them: a above c." in text
    assert orders_markdown(table({"a": (1, (20, 0.5)), "b": (3, None)})) == []
