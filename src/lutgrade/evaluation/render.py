"""A table as text: Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from lutgrade.evaluation.order import orders_markdown
from lutgrade.evaluation.summary import Summary
from lutgrade.evaluation.table import Cell, Table

FIELDS = (
    "method", "data", "clip", "metric", "unit", "paper", "paper_deviation", "ours", "low", "high", "items", "clips",
    "deviation", "difference", "status", "why",
)  # fmt: skip
ESCAPES = {"\\": r"\textbackslash{}", "%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#", "$": r"\$", "@": "@",
           "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}  # fmt: skip


def number(value: float, like: float | None = None) -> str:
    """A value with two decimals, or more where it (or the one it goes with) is small."""
    size = abs(value if like is None else like)
    digits = 2 if size >= 1 else 3 if size >= 0.05 else 5
    return f"{value:.{digits}f}"


def markdown(table: Table, facts: dict[str, str]) -> str:
    """The table for people: our numbers, then each beside the paper's, and what was not run and why."""
    lines = [f"# {table.title}", ""]
    lines += [f"Paper: {table.source}.", ""] if table.source else []
    reasons = _reasons(table)
    lines += _ours(table) + orders_markdown(table) + _beside(table, reasons) + _footnotes(table, reasons)
    lines += [*table.notes, _made(facts), f"`{facts['command']}`"]
    return "\n".join(lines) + "\n"


def csv_text(table: Table) -> str:
    """Every cell in a line, numbers in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    for (row, column), cell in table.cells.items():
        measure, ours = table.measures[column.metric], cell.ours
        found = ("",) * 5 if ours is None else (ours.mean, ours.low, ours.high, ours.items, ours.clips)
        values = (row, column.data, column.clip, measure.name, measure.unit, cell.paper, cell.spread, *found,
                  cell.deviation, cell.difference, cell.status, cell.why)  # fmt: skip
        writer.writerow(["" if value is None else value for value in values])
    return text.getvalue()


def latex(table: Table) -> str:
    """A booktabs tabular: a row a method, in each cell ours and, where there is one, the paper's."""
    lines = [
        "% needs \\usepackage{booktabs}; ours [95 % interval] / the paper's",
        f"\\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        "\\toprule",
        _latex_row(["method", *(table.heading(column) for column in table.columns)]),
        "\\midrule",
    ]
    for row in table.rows:
        lines.append(_latex_row([row, *(_latex_cell(table.cells[row, column]) for column in table.columns)]))
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


def _ours(table: Table) -> list[str]:
    """Rows that were run, with intervals."""
    rows = [row for row in table.rows if any(table.cells[row, column].ours for column in table.columns)]
    columns = [column for column in table.columns if any(table.cells[row, column].ours for row in rows)]
    if not rows:
        return []
    headings, body = ["method"], {row: [row] for row in rows}
    for i, column in enumerate(columns):
        headings.append(table.heading(column))
        for row in rows:
            body[row].append(_interval(table.cells[row, column]))
        last = i + 1 == len(columns) or columns[i + 1].data != column.data
        if last and any(data == column.data for data, _ in table.worse):
            headings.append(f"{column.data}: worse than {table.baseline}")
            for row in rows:
                share = table.worse.get((column.data, row))
                body[row].append("" if share is None else f"{100 * share:.0f} %")
    headings.append("ms an item")
    for row in rows:
        body[row].append(f"{table.milliseconds[row]:.0f}" if row in table.milliseconds else "")
    said = f"Means with a 95 % bootstrap interval over clips or photographs. {_counts(table)}."
    return [said, "", *_grid([headings, *body.values()]), ""]


def _counts(table: Table) -> str:
    """How many items and clips each data set had."""
    counts: dict[str, Summary] = {}
    for (_, column), cell in table.cells.items():
        if cell.ours is not None and not column.clip:
            known = counts.get(column.data)
            counts[column.data] = cell.ours if known is None or cell.ours.items > known.items else known
    return "; ".join(f"{data}: {found.items} items of {found.clips}" for data, found in counts.items())


def _beside(table: Table, reasons: dict[str, int]) -> list[str]:
    """A line for each number of the paper; where ours is missing, the status has the number of its reason.

    Not for numbers whose order alone is compared.
    """
    lines = [["method", "result", "paper", "ours", "difference", "status"]]
    for (row, column), cell in table.cells.items():
        if cell.paper is not None and (table.order is None or column.data != table.order[0]):
            lines.append([
                row,
                table.heading(column),
                _paper(cell),
                _interval(cell) or "-",
                "-" if cell.difference is None else number(cell.difference, cell.paper),
                f"{cell.status} ({reasons[_reason(cell)]})" if cell.why else cell.status,
            ])  # fmt: skip
    return [*_grid(lines, left=(0, 1, 5)), ""] if len(lines) > 1 else []


def _reason(cell: Cell) -> str:
    return f"{cell.status}: {cell.why}"


def _reasons(table: Table) -> dict[str, int]:
    """Why cells are empty, numbered from 1."""
    reasons = dict.fromkeys(_reason(cell) for cell in table.cells.values() if cell.why)
    return {reason: number for number, reason in enumerate(reasons, start=1)}


def _footnotes(table: Table, reasons: dict[str, int]) -> list[str]:
    """Each reason once, after the rows it is of, or the metrics where it is of all rows."""
    lines = []
    for reason, index in reasons.items():
        places = [place for place, cell in table.cells.items() if cell.why and _reason(cell) == reason]
        rows = {row for row, _ in places}
        metrics = dict.fromkeys(table.measures[column.metric].name for _, column in places)
        whole = len(rows) < len(table.rows) or len(metrics) == len({column.metric for column in table.columns})
        of = ", ".join(row for row in table.rows if row in rows) if whole else ", ".join(metrics)
        lines.append(f"- ({index}) {of}: {reason}")
    return [*lines, ""] if lines else []


def _made(facts: dict[str, str]) -> str:
    return "Made with " + ", ".join(f"{key} {value}" for key, value in facts.items() if key != "command") + ":"


def _interval(cell: Cell) -> str:
    """The mean, its deviation where it has one, and its interval."""
    ours = cell.ours
    if ours is None:
        return ""
    mean = number(ours.mean) + (f" ± {number(cell.deviation, ours.mean)}" if cell.deviation is not None else "")
    return mean if ours.low == ours.high else f"{mean} [{number(ours.low, ours.mean)}, {number(ours.high, ours.mean)}]"


def _paper(cell: Cell) -> str:
    """As printed, to the last digit."""
    if cell.paper is None:
        return ""
    return f"{cell.paper:g}" + (f" ± {cell.spread:g}" if cell.spread is not None else "")


def _grid(lines: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> list[str]:
    """Lines of cells as a Markdown table."""
    rule = ["---" if i in left else "---:" for i in range(len(lines[0]))]
    return [
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in (lines[0], rule, *lines[1:])
    ]


def _latex_cell(cell: Cell) -> str:
    ours = _interval(cell) or "--"
    return ours if cell.paper is None else f"{ours} / {_paper(cell)}"


def _latex_row(cells: Sequence[str]) -> str:
    escaped = ("".join(ESCAPES.get(letter, letter) for letter in cell).replace("±", r"$\pm$") for cell in cells)
    return " & ".join(escaped) + r" \\"
