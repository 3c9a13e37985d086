"""What the README says, done word for word."""

from __future__ import annotations

import importlib
import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

import lutgrade.models
from clips import scene, write_clip
from lutgrade import paths
from lutgrade.checkpoints import load_model, model_names
from models import test_contract

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    """The code block of the README that holds a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    return next(code for code in blocks if containing in code)


def test_the_python_api_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "clip.mp4", scene(1, 5))
    Image.fromarray(scene(1, 1)[0]).save("clip.png")
    Image.fromarray(scene(2, 1)[0]).save("still.png")
    names: dict[str, object] = {}
    exec(block("python", "import lutgrade\n"), names)
    graded, content = names["graded"], names["content"]
    assert isinstance(graded, torch.Tensor)
    assert isinstance(content, torch.Tensor)
    assert graded.shape == content.shape
    assert Path("clip_graded.mp4").exists()
    assert Path("look.cube").exists()


def test_adding_a_model_is_one_file_and_one_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mean_shift.py").write_text(block("python", "class MeanShift"))
    shutil.copytree(paths.configs() / "model", tmp_path / "configs" / "model")
    (tmp_path / "configs" / "model" / "mean_shift.yaml").write_text(block("yaml", "mean_shift"))
    monkeypatch.setattr(lutgrade.models, "__path__", [*lutgrade.models.__path__, str(tmp_path / "models")])
    monkeypatch.setattr(paths, "configs", lambda: tmp_path / "configs")
    importlib.invalidate_caches()
    assert "mean_shift" in model_names()
    content, reference = torch.full((2, 3, 4, 4), 0.3), torch.full((2, 3, 6, 5), 0.6)
    model = load_model("mean_shift", size=9)
    assert torch.allclose(model(content, reference)(content), torch.full_like(content, 0.6), atol=1e-6)
    test_contract.test_grades_images_of_unlike_sizes(model, 2)
    test_contract.test_gives_a_table_per_image(model)
    test_contract.test_a_batch_equals_a_loop(model)
    test_contract.test_half_precision_keeps_the_table_in_full(model)
    test_contract.test_degenerate_images_give_a_finite_map(model)
