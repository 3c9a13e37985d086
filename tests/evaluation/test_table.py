"""Cells beside a paper's numbers, and the table as Markdown, LaTeX, CSV and a picture."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lutgrade.errors import InputError
from lutgrade.evaluation.builder import TableBuilder
from lutgrade.evaluation.plot import plot
from lutgrade.evaluation.render import csv_text, latex, markdown, number
from lutgrade.evaluation.rows import Methods
from lutgrade.evaluation.score import Score, Scores
from lutgrade.evaluation.table import Column, Table, measure_of
from lutgrade.metrics.distribution import FID
from lutgrade.metrics.fidelity import PSNR
from lutgrade.metrics.temporal import WarpError

METRICS: dict[str, Any] = {"psnr": PSNR(), "error": WarpError()}
ROWS = [
    {"name": "ours", "paper": {"d": {"psnr": 21.0, "error": [0.3, 0.1]}}},
    {"name": "better_paper", "paper": {"d": {"psnr": 30.0}}},
    {"name": "outside", "paper": {"d": {"psnr": 20.0, "vote": 4.0}}},
]


def table(scores: Scores | None = None, **config: Any) -> Table:
    scores = scores or Scores()
    settings = {"title": "T & t", "source": "S, Table 1", "rows": ROWS, "datasets": {"d": {}, "e": {}}, **config}
    measures = {name: measure_of({}, metric, 1000 if name == "error" else 1) for name, metric in METRICS.items()}
    measures["vote"] = measure_of({"name": "vote", "lower_is_better": False, "why": "it takes people"}, None, 1)
    return TableBuilder(
        settings, measures, METRICS, scores, {"e": "e is missing"}, Methods(absent={"outside": "it is another's"})
    ).table()


@pytest.fixture
def scores() -> Scores:
    found = Scores(seconds={("d", "ours"): [0.01, 0.03, 0.02]}, notes={"error": "flow: DIS"})
    for row, values in (("ours", [20.0, 22.0]), ("better_paper", [21.0, 21.0])):
        for clip, value in zip("ab", values, strict=True):
            found.scores.append(Score(row, "d", f"{clip}/x", clip, "psnr", [value]))
    found.scores.append(Score("ours", "d", "a/x", "a", "error", [0.0004, 0.0002]))
    found.undefined["d", "better_paper", "error"] = "weights not found: get them"
    found.skipped["d", "c/x"] = "damaged"
    return found


def test_a_cell_passes_when_it_is_not_worse_than_the_paper_by_more_than_the_tolerance(scores: Scores) -> None:
    cells = table(scores).cells
    found = cells["ours", Column("d", "psnr")]
    assert (found.status, found.difference) == ("pass", 0)
    assert found.ours is not None
    assert (found.ours.low, found.ours.high, found.ours.items) == (20, 22, 2)
    assert cells["better_paper", Column("d", "psnr")].status == "fail"
    scaled = cells["ours", Column("d", "error")]  # lower is better, and printed x 1000
    assert scaled.ours is not None
    assert scaled.ours.mean == pytest.approx(0.3)
    assert (scaled.status, scaled.spread) == ("pass", 0.1)
    strict = table(scores, tolerance=0.5).cells["better_paper", Column("d", "psnr")]
    assert strict.status == "pass"


def test_every_empty_cell_says_why(scores: Scores) -> None:
    cells = table(scores).cells
    assert cells["better_paper", Column("d", "error")].status == "n/a"
    assert "get them" in cells["better_paper", Column("d", "error")].why
    assert (cells["outside", Column("d", "psnr")].status, cells["outside", Column("d", "psnr")].why) == (
        "not run", "it is another's",
    )  # fmt: skip
    assert cells["ours", Column("d", "vote")].why == "it takes people"
    assert cells["ours", Column("e", "psnr")].why == "e is missing"
    assert all(cell.ours is not None or cell.why for cell in cells.values())


def test_a_column_for_each_clip(scores: Scores) -> None:
    rows = [{"name": "ours", "paper": {"d": {"psnr": {"a": 20.0, "far": 19.0}}}}]
    found = table(scores, rows=rows, per_clip=True)
    assert [c for c in found.columns if c.data == "d"] == [
        Column("d", "psnr", "a"), Column("d", "psnr", "far"), Column("d", "psnr", "b"), Column("d", "psnr"),
    ]  # fmt: skip
    assert found.cells["ours", Column("d", "psnr", "a")].difference == 0
    assert found.cells["ours", Column("d", "psnr", "b")].status == ""
    assert found.cells["ours", Column("d", "psnr", "far")].why == "there is no clip far in d"


def test_a_set_metric_is_a_distance_of_all_features() -> None:
    clip = torch.randn(8, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scores = Scores(features={("d", "m", "fid"): [(clip[:4], clip[:4] + 1), (clip[4:], clip[4:] + 1)]})
    config = {"title": "", "rows": [{"name": "m"}], "datasets": {"d": {}}}
    metric = FID()
    found = TableBuilder(config, {"fid": measure_of({}, metric, 1)}, {"fid": metric}, scores, {}, Methods()).table()
    ours = found.cells["m", Column("d", "fid")].ours
    assert ours is not None
    assert ours.mean == pytest.approx(4)  # the means lie 1 apart in each of 4 dimensions


@pytest.mark.parametrize("paper", [{"x": {"psnr": 1.0}}, {"d": {"x": 1.0}}])
def test_a_number_of_no_column_is_refused(paper: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="which the table has not"):
        table(rows=[{"name": "ours", "paper": paper}])


def test_the_markdown_tells_all(scores: Scores) -> None:
    text = markdown(table(scores, baseline="better_paper"), {"torch": "2", "command": "python x"})
    assert "| ours | 21.00 [20.00, 22.00] | 0.300 | 50 % | 20 |" in text
    assert "| ours | d: PSNR (dB) | 21 | 21.00 [20.00, 22.00] | 0.00 | pass |" in text
    assert "| ours | d: E_warp x 1000 | 0.3 ± 0.1 | 0.300 |" in text
    assert "| better_paper | d: PSNR (dB) | 30 | 21.00 | -9.00 | fail |" in text
    assert "| outside | d: PSNR (dB) | 20 | - | - | not run (4) |" in text
    assert "| outside | d: vote | 4 | - | - | not run (4) |" in text
    assert "- (4) outside: not run: it is another's\n" in text
    assert "- (3) better_paper: n/a: weights not found: get them\n" in text
    assert all(text.count(reason) == 1 for reason in ("it is another's", "get them", "it takes people", "e is missing"))
    assert "E_warp: flow: DIS." in text
    assert "Left out as unreadable: d/c/x (damaged)." in text
    assert text.endswith("Made with torch 2:\n`python x`\n")


def test_the_csv_holds_every_cell(scores: Scores) -> None:
    found = table(scores)
    lines = list(csv.DictReader(io.StringIO(csv_text(found))))
    assert len(lines) == len(found.cells)
    first = lines[0]
    assert (first["method"], first["paper"], first["ours"], first["status"]) == ("ours", "21.0", "21.0", "pass")


def test_the_latex_is_escaped(scores: Scores) -> None:
    text = latex(table(scores))
    assert text.count(r" \\") == 1 + len(ROWS)
    assert r"better\_paper" in text
    assert "21.00 [20.00, 22.00] / 21" in text
    widths = {line.count("&") for line in text.splitlines() if line.endswith(r"\\")}
    assert len(widths) == 1


def test_the_picture_is_drawn(scores: Scores, tmp_path: Path) -> None:
    plot(table(scores), tmp_path / "t.png")
    with Image.open(tmp_path / "t.png") as image:
        assert min(image.size) > 100
    plot(table(rows=[{"name": "none"}]), tmp_path / "empty.png")


def test_numbers_keep_three_digits_where_they_are_small() -> None:
    assert [number(x) for x in (21.456, 0.8194, 0.0047)] == ["21.46", "0.819", "0.00470"]
    assert number(0.2, like=30.0) == "0.20"
