"""Every configured metric fits its contract, and without published weights gives numbers or says what is missing."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from lutgrade import paths
from lutgrade.checkpoints import build_model
from lutgrade.protocols import Sample
from lutgrade.weights import MissingWeights

CONFIGS = sorted((paths.configs() / "metric").glob("*.yaml"))
MODULES = ["fidelity", "structure", "perceptual", "no_reference", "color", "temporal", "clips", "distribution", "cost"]
NEED_WEIGHTS = {
    "brisque", "dreamsim", "fid", "fvd", "lpips", "lpips_vgg", "niqe", "pvcs", "warped_lpips_short", "warped_lpips_long"
}  # fmt: skip


@pytest.fixture(scope="module")
def clip(photos: Tensor) -> Sample:
    frames = torch.stack([photos[0, :, 30:222, 2 * t : 192 + 2 * t] for t in range(36)])
    return Sample(frames, frames[:1], frames**1.1, name="clip")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_metric_gives_numbers_or_says_what_is_missing(path: Path, clip: Sample, hub: Path) -> None:
    metric = build_model(yaml.safe_load(path.read_text()))
    assert isinstance(metric.name, str)
    assert isinstance(metric.unit, str)
    assert isinstance(metric.lower_is_better, bool)
    assert len(inspect.getdoc(type(metric)) or "") > 60

    graded = clip.frames * torch.tensor([0.9, 1.0]).repeat(18).view(36, 1, 1, 1)  # it flickers

    def score() -> Tensor:
        if hasattr(metric, "distance"):
            return torch.tensor([metric.distance(metric.features(graded), metric.features(clip.target))])
        if type(metric).__module__.endswith(".cost"):
            return torch.tensor([metric(lambda: graded * 0.9)])
        frames = 36 if "lpips" in path.stem else 3
        return metric(graded[:frames], Sample(clip.frames[:frames], clip.reference, clip.target[:frames]))

    if path.stem in NEED_WEIGHTS:
        with pytest.raises(MissingWeights, match=r"^weights not found: .*get https://"):
            score()
    else:
        scores = score()
        assert scores.ndim == 1
        assert scores.isfinite().all()


def test_every_metric_has_a_configuration_and_every_name_is_its_own() -> None:
    configured = {yaml.safe_load(path.read_text())["_target_"] for path in CONFIGS}
    modules = [importlib.import_module(f"lutgrade.metrics.{name}") for name in MODULES]
    written = {
        f"{module.__name__}.{name}"
        for module in modules
        for name, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__ and hasattr(member, "lower_is_better") and not name.startswith("_")
    }
    assert written == configured
    names = [build_model(yaml.safe_load(path.read_text())).name for path in CONFIGS]
    assert len(set(names)) == len(names)
