"""The notebooks run from top to bottom, say what they should, and are kept without outputs."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from lutgrade.models.ncst import NEUTRAL
from lutgrade.training import read_log

ROOT = Path(__file__).resolve().parents[1]


def cells(name: str) -> list[dict[str, Any]]:
    """The code cells of a notebook."""
    notebook = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a notebook in an empty folder; the names it leaves."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def run(name: str) -> dict[str, Any]:
        names: dict[str, Any] = {"__name__": "__main__"}
        for number, cell in enumerate(cells(name)):
            exec(compile("".join(cell["source"]), f"{name}, code cell {number}", "exec"), names)
        assert not list(folder.iterdir()), "a notebook writes to a temporary folder alone"
        return names

    return run


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_they_are_kept_without_outputs(path: Path) -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells(path.stem))


def test_grade_a_photo(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    names = run("01_grade_a_photo")
    assert names["graded"].shape == names["content"].shape
    assert (names["graded"] - names["content"]).abs().mean() > 0.02
    assert (names["again"].table - names["gentle"].table).abs().max() < 1e-5
    assert {"rocket.cube", "coffee_graded.png", "lut.png"} <= {file.name for file in names["output"].iterdir()}
    assert "grey axis" in capsys.readouterr().out


def test_train_a_small_model(run: Any) -> None:
    names = run("02_train_a_small_model")
    valid = [record["loss"] for record in read_log(names["folder"], "valid")]
    assert valid[-1] < valid[0]
    assert set(names["grade"].parameters) == set(NEUTRAL)
    assert names["graded"].shape == names["content"].shape


def test_read_a_table(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    names = run("03_read_a_table")
    assert names["psnr"].keys() >= {"identity", "mkl"}
    assert {len(values) for values in names["psnr"].values()} == {len(names["pairs"])} == {8}
    means = {row["method"]: float(row["ours"]) for row in names["cells"]}
    assert means["mkl"] == pytest.approx(sum(names["psnr"]["mkl"]) / 8)
    assert f"mkl             {means['mkl']:6.2f} dB [" in capsys.readouterr().out
