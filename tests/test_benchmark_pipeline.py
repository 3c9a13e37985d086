"""`scripts/benchmark_pipeline.py`: what it compares is the same grade, and a tiny run gives all its numbers."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir

from lutgrade import paths
from lutgrade.checkpoints import build_model
from lutgrade.evaluation.run import evaluate
from lutgrade.models.ncst import ParametricGrade

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
TINY = ["--sizes", "512", "--repeats", "2", "--budget", "0.1", "--experiments", "nlut_small", "--workers", "0", "1"]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("benchmark_pipeline")


def test_the_ways_give_the_same_grade(script: Any) -> None:
    image = script.photograph(48, 64)
    grade = ParametricGrade({name: torch.tensor([amount]) for name, amount in script.GRADE.items()})
    model = build_model(yaml.safe_load((paths.configs() / "model" / "ncst_small.yaml").read_text(encoding="utf-8")))
    graded = {way: run() for way, run in script.ways(image, grade, model).items()}
    assert torch.allclose(graded["LUT and sharpness"], graded["parametric"], atol=0.02)
    assert torch.allclose(graded["LUT"], graded["LUT, 8-bit"].float() / 255, atol=0.02)
    assert (graded["LUT"] - image).abs().mean() > 0.02


@pytest.mark.parametrize("rows", [1, 7, 47, 48, 100])
def test_strips_make_no_difference(script: Any, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    image = script.photograph(48, 64)
    grade = ParametricGrade({name: torch.tensor([amount]) for name, amount in script.GRADE.items()})
    monkeypatch.setattr(script, "STRIP", rows)
    assert torch.equal(script.in_strips(grade, image), grade(image))


def test_a_tiny_run(script: Any, tmp_path: Path) -> None:
    script.main([*TINY, "--batch", "2", "--steps", "2", "--output", str(tmp_path)])
    (file,) = tmp_path.glob("pipeline-*.json")
    with initialize_config_dir(str(paths.configs()), version_base="1.3"):
        scores = f"table.datasets.sizes.scores={file.with_suffix('.jsonl')}"
        table = evaluate(compose("evaluate", ["table=ncst_3", scores, f"output={tmp_path / 'table'}"]))
    assert table is not None
    beside = [line for line in table.read_text(encoding="utf-8").splitlines() if "sizes/512" in line and "NCST" in line]
    assert [line.split(" | ")[2] for line in beside if "not run" not in line] == ["0.34", "37.38"]
    result = json.loads(file.read_text(encoding="utf-8"))
    ms = {row["way"]: row["ms"] for row in result["grading"]}
    assert ms["LUT"] < ms["parametric"]
    assert [row["workers"] for row in result["training"]] == [0, 1]
    for row in result["training"]:
        assert row["samples_per_s"] == pytest.approx(2 * row["steps_per_s"])
        assert row["loader_samples_per_s"] > 0
        assert 0 <= row["waiting_for_data"] < 1
    (step,) = result["steps"]
    assert all(step[phase] > 0 for phase in ("data", "grading", "forward", "backward", "optimiser"))
    text = file.with_suffix(".md").read_text(encoding="utf-8")
    assert "| parametric " in text
    assert "| nlut_small " in text
