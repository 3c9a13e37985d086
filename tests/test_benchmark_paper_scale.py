"""`scripts/benchmark_paper_scale.py`: a small run gives all its numbers, and its optimiser is gradient descent."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
SMALL = ["--small", "--size", "64"]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("benchmark_paper_scale")


@pytest.fixture
def cost(script: Any) -> Any:
    return importlib.import_module("_step_cost")


def rows(folder: Path, experiment: str) -> dict[str, dict[str, Any]]:
    (file,) = folder.glob("paper-scale-*.json")
    found = json.loads(file.read_text(encoding="utf-8"))[experiment]["rows"]
    return {row["setting"]: row for row in found}


def test_every_setting_is_a_step_of_the_same_model(script: Any, tmp_path: Path) -> None:
    script.main([*SMALL, "--experiments", "vcg_stage2", "--steps", "1", "--output", str(tmp_path)])
    found = rows(tmp_path, "vcg_stage2")
    assert list(found) == list(script.SETTINGS)
    plain = found["plain"]
    assert all(row["losses"] == pytest.approx(plain["losses"], rel=0.2) for row in found.values())
    assert found["checkpointing"]["losses"] == pytest.approx(plain["losses"], rel=1e-4)
    assert found["bf16"]["losses"] != plain["losses"]
    assert found["bf16"]["flops"] == found["channels-last"]["flops"] == plain["flops"]
    assert plain["flops"] < found["fused"]["flops"] < found["checkpointing"]["flops"]
    assert {row["precision"] for row in found.values()} == {"no", "bf16"}
    for row in found.values():
        assert row["optimizer"] == "AdamW"
        assert row["first_cpu_s"] > 0
        assert "later_s" not in row
        assert 0 < row["rate"] < 1


def test_without_memory_for_adamw_the_weights_change_in_the_backward_pass(script: Any, tmp_path: Path) -> None:
    once = [*SMALL, "--settings", "configured", "--output", str(tmp_path)]
    script.main([*once, "--experiments", "vcg_stage2", "--steps", "1"])
    script.main([*once, "--experiments", "vcg_stage1", "--memory", "0"])
    row = rows(tmp_path, "vcg_stage1")["configured"]
    assert row["optimizer"] == "SGD in the backward pass"
    assert row["gradient_checkpointing"]
    assert row["later_s"] > 0
    assert row["frozen"] == 0
    assert rows(tmp_path, "vcg_stage2")["configured"]["frozen"] > 0  # of the run before, kept
    (text,) = (path.read_text(encoding="utf-8") for path in tmp_path.glob("paper-scale-*.md"))
    assert text.index("## vcg_stage1") < text.index("| configured | SGD in the backward pass |")
    assert text.index("## vcg_stage2") < text.index("| configured |     AdamW |")


def test_descent_inside_the_backward_pass_is_descent(cost: Any) -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 1)) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    inside, after = cost.InBackward(ours.parameters(), lr=0.1), torch.optim.SGD(theirs.parameters(), lr=0.1)
    for _ in range(2):
        inputs = torch.randn(5, 4)
        for model, optimizer in ((ours, inside), (theirs, after)):
            optimizer.zero_grad()
            model(inputs).square().mean().backward()
            optimizer.step()
    assert all(parameter.grad is None for parameter in ours.parameters())
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)


def test_a_folder_that_cannot_be_is_refused(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        script.main(["--output", "/proc/nowhere"])
    assert end.value.code == 2
    assert "cannot make the folder /proc/nowhere: " in capsys.readouterr().err
