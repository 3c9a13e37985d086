"""A table as a picture: for each column, ours with its interval beside the paper's value."""

from __future__ import annotations

from pathlib import Path

from lutgrade.evaluation.table import Table
from lutgrade.files import replacing

PANELS = 4  # in a line


def plot(table: Table, path: Path) -> None:
    """Draws the table as a PNG: a panel for each column that holds a number, a line in it for each method."""
    from matplotlib.figure import Figure

    def numbers(row: str, column: object) -> bool:
        cell = table.cells[row, column]  # type: ignore[index]
        return cell.ours is not None or cell.paper is not None

    columns = [column for column in table.columns if any(numbers(row, column) for row in table.rows)]
    rows = [row for row in table.rows if any(numbers(row, column) for column in columns)]
    wide, high = min(len(columns), PANELS) or 1, -(-len(columns) // PANELS) or 1
    figure = Figure(figsize=(2.2 + 2.6 * wide, high * (0.9 + 0.26 * len(rows))), layout="constrained")
    panels = figure.subplots(high, wide, sharey=True, squeeze=False)
    for panel in panels.flat[len(columns) :]:
        panel.set_axis_off()
    for column, panel in zip(columns, panels.flat, strict=False):
        for y, row in enumerate(rows):
            cell = table.cells[row, column]
            if cell.paper is not None:
                panel.plot(cell.paper, y, "D", color="tab:orange", fillstyle="none", markersize=6)
            if cell.ours is not None:
                panel.plot([cell.ours.low, cell.ours.high], [y, y], "-", color="tab:blue", linewidth=2)
                panel.plot(cell.ours.mean, y, "o", color="tab:blue", markersize=4)
        better = "lower" if table.measures[column.metric].lower_is_better else "higher"
        panel.set_title(f"{table.heading(column)}\n{better} is better", fontsize=8)
        panel.set_yticks(range(len(rows)), rows, fontsize=8)
        panel.locator_params(axis="x", nbins=4)
        panel.tick_params(axis="x", labelsize=7)
        panel.grid(axis="x", alpha=0.3)
    panels[0, 0].set_ylim(max(len(rows), 1) - 0.5, -0.5)
    paper = any(table.cells[row, column].paper is not None for row in rows for column in columns)
    legend = "dots with 95 % intervals" + (" are ours, diamonds the paper's" if paper else "")
    figure.suptitle(f"{table.title}: {legend}", fontsize=9)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130)
