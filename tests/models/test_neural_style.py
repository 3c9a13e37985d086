"""Neural style transfer for colour: on the LUT and on pixels, by L-BFGS and Adam, and VGG with and without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lutgrade.checkpoints import load_model
from lutgrade.errors import InputError
from lutgrade.lut import assess
from lutgrade.models.early_vgg import EarlyVGG
from lutgrade.models.encoders import SmallEncoder, VGGEncoder
from lutgrade.models.neural_style import NeuralStyle
from lutgrade.objectives.gram import ColorStyle
from lutgrade.weights import VGG19, MissingWeights
from models.learned import graded_sample, pictures

# The layers of torchvision's VGG-19 that are used.
SHAPES = {0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128), 10: (256, 128), 12: (256, 256)}
SHAPES |= {14: (256, 256), 16: (256, 256), 19: (512, 256)}


def style(**options: Any) -> NeuralStyle:
    features = SmallEncoder((16, 16, 16, 16), seed=0, frozen=True)
    objective = ColorStyle(features, layers=(0,), content=0.01, style=1000.0, smoothness=0.1, monotonicity=0.1)
    return NeuralStyle(objective, **{"size": 9, "resolution": 32, "steps": 30, **options})


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with torchvision's names in torch hub's folder: random weights of the right scale."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for index, (outputs, inputs) in SHAPES.items():
        scale = (2 / (9 * inputs)) ** 0.5
        state[f"features.{index}.weight"] = scale * torch.randn(outputs, inputs, 3, 3, generator=generator)
        state[f"features.{index}.bias"] = torch.zeros(outputs)
    path = tmp_path / "checkpoints" / VGG19.file
    path.parent.mkdir()
    torch.save(state, path)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return path


def distance(image: Tensor, reference: Tensor) -> float:
    return float((image.mean((2, 3)) - reference.mean((2, 3))).norm())


@pytest.mark.parametrize("variable", ["lut", "pixels"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_grade_approaches_the_reference(variable: str, optimizer: str) -> None:
    batch = graded_sample(batch=1)
    content, reference = batch.frames[:, 0], batch.reference[:, 0]
    graded = style(variable=variable, optimizer=optimizer)(content, reference)(content)
    assert distance(graded, reference) < 0.5 * distance(content, reference)


def test_on_the_lut_it_comes_out_smooth_and_monotone() -> None:
    batch = graded_sample(batch=1)
    lut = style()(batch.frames[:, 0], batch.reference[:, 0])[0]
    assert lut.table.min() >= 0
    assert lut.table.max() <= 1
    assert not [finding for finding in assess(lut).findings if "monotonic" in finding]


@pytest.mark.parametrize("variable", ["lut", "pixels"])
def test_like_to_like_changes_little(variable: str) -> None:
    content = pictures(0, 1)
    graded = style(variable=variable, steps=10)(content, content)(content)
    assert (graded - content).abs().max() < 2 / 255


def test_works_in_inference_mode_and_is_repeatable() -> None:
    content, reference = pictures(0, 1), pictures(1, 1)
    model = style(steps=5)
    first = model(content, reference).table
    with torch.inference_mode():
        second = model(content.clone(), reference.clone()).table
    assert torch.equal(first, second)
    assert not first.requires_grad


def test_the_paper_preset_refuses_without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    model = load_model("neural_style_paper")
    with pytest.raises(MissingWeights, match=f"weights not found: get https.*{VGG19.file}") as caught:
        model(pictures(0, 1), pictures(1, 1))
    assert "\n" not in str(caught.value)


def test_the_paper_preset_runs_with_weights(weights: Path) -> None:
    model = load_model("neural_style_paper")
    assert isinstance(model, NeuralStyle)
    model.steps, model.size, model.resolution = 12, 9, 24
    batch = graded_sample(batch=1)
    content, reference = batch.frames[:, 0], batch.reference[:, 0]
    graded = model(content, reference)(content)
    assert distance(graded, reference) < distance(content, reference)


def test_early_vgg_is_the_beginning_of_vgg(weights: Path) -> None:
    early, whole = EarlyVGG(), VGGEncoder(str(weights))
    early.initialise()
    whole.initialise()
    image = pictures(0, 1)
    relu1_1, relu1_2, relu2_1 = early(image)
    assert [m.shape[1] for m in (relu1_1, relu1_2, relu2_1)] == list(EarlyVGG.channels)
    torch.testing.assert_close(relu1_1, whole(image)[0])
    torch.testing.assert_close(relu2_1, whole(image)[1])
    assert not any(parameter.requires_grad for parameter in early.parameters())


def test_a_file_that_is_no_vgg_is_refused(weights: Path) -> None:
    weights.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="does not hold a VGG-19"):
        EarlyVGG().initialise()


@pytest.mark.parametrize("options", [{"variable": "frames"}, {"optimizer": "sgd"}])
def test_unknown_choices_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(InputError, match=next(iter(options.values()))):
        style(**options)
