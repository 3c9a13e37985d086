"""Every configuration of an objective: it builds without weights, and those that need none run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from hydra.utils import instantiate
from torch import nn

from lutgrade import paths
from lutgrade.errors import InputError
from lutgrade.models.ncst import NCST
from models.learned import SMALL, graded_sample, small_encoder

DENOISE = ("Editing", "LutDenoising")  # for models that denoise; tested beside them
CONFIGS = [
    path
    for path in sorted((paths.configs() / "objective").glob("*.yaml"))
    if not yaml.safe_load(path.read_text(encoding="utf-8"))["_target_"].endswith(DENOISE)
]


def needs_weights(config: object) -> bool:
    """Whether VGG is anywhere in it."""
    return "VGGEncoder" in str(config)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_objective_trains_a_model(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))  # no VGG, whatever this machine has
    objective = instantiate(config, _convert_="all")
    model: nn.Module = NCST(small_encoder(), ranges={"contrast": [0.5, 2.0], "sharpness": [0.0, 2.0]}, **SMALL)  # type: ignore[arg-type]
    if needs_weights(config):
        with pytest.raises(InputError, match=r"weights not found: get https.*vgg19"):
            objective(model, graded_sample())
        return
    terms = objective(model, graded_sample())
    assert terms["loss"].isfinite()
    terms["loss"].backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
