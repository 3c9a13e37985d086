"""Neural style transfer for colour: on the LUT and on pixels, by L-BFGS and Adam, and VGG with and without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lutgrade.checkpoints import load_model
from lutgrade.color.spaces import srgb_to_lab
from lutgrade.errors import InputError, LutgradeError
from lutgrade.lut import Lut, assess
from lutgrade.models.early_vgg import EarlyVGG
from lutgrade.models.encoders import IMAGENET_MEAN, IMAGENET_STD, SmallEncoder, VGGEncoder
from lutgrade.models.neural_style import NeuralStyle
from lutgrade.objectives.gram import ColorStyle
from lutgrade.torchvision_shim import prepare_torchvision
from lutgrade.video import open_video
from lutgrade.weights import VGG19, MissingWeights
from models.learned import graded_sample, pictures

# The layers of torchvision's VGG-19 that are used.
SHAPES = {0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128), 10: (256, 128), 12: (256, 256)}
SHAPES |= {14: (256, 256), 16: (256, 256), 19: (512, 256)}

VARIABLES, OPTIMIZERS = ("lut", "pixels"), ("lbfgs", "adam")


def style(**options: Any) -> NeuralStyle:
    features = SmallEncoder((16, 16, 16, 16), seed=0, frozen=True)
    objective = ColorStyle(features, layers=(0,))
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


def greys(lut: Lut) -> Tensor:
    """What becomes of 256 greys, in codes, `[3, 256]`."""
    return 255 * lut(torch.linspace(0, 1, 256).expand(3, 1, 256).contiguous())[:, 0]


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_grade_approaches_the_reference(variable: str, optimizer: str, device: torch.device) -> None:
    batch = graded_sample(batch=1)
    content, reference = batch.frames[:, 0].to(device), batch.reference[:, 0].to(device)
    graded = style(variable=variable, optimizer=optimizer, steps=60)(content, reference)(content)
    assert graded.device.type == device.type
    assert distance(graded, reference) < 0.5 * distance(content, reference)


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("low", "high"), [(0.6, 0.0), (0.0, 0.7)], ids=["to dark", "to bright"])
def test_tones_keep_their_order_between_bright_and_dark(variable: str, optimizer: str, low: float, high: float) -> None:
    content, reference = low + 0.4 * pictures(0, 1), high + 0.3 * pictures(1, 1)
    lut = style(variable=variable, optimizer=optimizer)(content, reference)[0]
    ramp = greys(lut)
    assert (ramp.cummax(1).values - ramp).max() < 1.5
    lightness, graded = (srgb_to_lab(image)[0, 0].flatten() for image in (content, lut(content)))
    order = lightness.argsort()
    tenth = len(order) // 10
    tenths = [graded[part].mean().item() for part in order.split(tenth)[:10]]
    assert tenths[-1] == pytest.approx(max(tenths), abs=0.5)  # highlights stay highlights, and shadows shadows
    assert tenths[0] == pytest.approx(min(tenths), abs=0.5)


@pytest.mark.parametrize("variable", VARIABLES)
def test_real_clips_of_unlike_light_get_a_lut_without_folds_or_bands(variable: str, data_dir: Path) -> None:
    bright, dark = (
        next(iter(open_video(data_dir / "clips" / name, max_side=96, matrix="bt709")))
        for name in ("bedroom.mp4", "video1.mp4")
    )
    model = style(variable=variable, size=33)
    for content, reference in ((bright, dark), (dark, bright)):
        found = assess(model(content.image[None], reference.image[None])[0]).findings
        assert not [text for text in found if text.startswith(("not ", "banding", "inverts"))]


@pytest.mark.parametrize("variable", VARIABLES)
def test_colours_that_the_content_lacks_move_like_those_beside_them(variable: str) -> None:
    content = 0.35 + 0.3 * pictures(0, 1)
    reference = (content.flip(-1) + torch.tensor([0.12, 0.0, -0.12])[:, None, None]).clamp(0, 1)
    lut = style(variable=variable)(content, reference)[0]
    beside = torch.tensor([[0.25, 0.75, 0.25, 0.75, 0.5], [0.25, 0.75, 0.75, 0.25, 0.5], [0.25, 0.75, 0.5, 0.5, 0.2]])
    move = (lut(beside[:, None]) - beside[:, None])[:, 0]
    assert (move[0] > 0.03).all()
    assert (move[2] < -0.03).all()


def test_on_the_lut_it_comes_out_smooth_and_monotone() -> None:
    batch = graded_sample(batch=1)
    lut = style()(batch.frames[:, 0], batch.reference[:, 0])[0]
    assert lut.table.min() >= 0
    assert lut.table.max() <= 1
    assert not [finding for finding in assess(lut).findings if "monotonic" in finding]


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_like_to_like_changes_little(variable: str, optimizer: str) -> None:
    content = pictures(0, 1)
    model = style(variable=variable, optimizer=optimizer, steps=10)
    assert (model(content, content)(content) - content).abs().max() < 2 / 255
    again = pictures(0, 1, 34, 42)  # the same picture in other pixels
    assert (style(variable=variable, optimizer=optimizer)(content, again)(content) - content).abs().mean() < 2 / 255


def test_features_of_any_scale_give_the_same_grade() -> None:
    class Scaled(SmallEncoder):
        def forward(self, image: Tensor) -> list[Tensor]:
            return [100 * scale for scale in super().forward(image)]

    batch = graded_sample(batch=1)
    content, graded = batch.frames[:, 0], []
    for kind in (SmallEncoder, Scaled):
        objective = ColorStyle(kind((16, 16, 16, 16), seed=0, frozen=True), layers=(0,))
        model = NeuralStyle(objective, size=9, resolution=32, steps=10, optimizer="adam")
        graded.append(model(content, batch.reference[:, 0])(content))
    torch.testing.assert_close(*graded, rtol=0, atol=1 / 255)


def test_works_in_inference_mode_and_is_repeatable() -> None:
    content, reference = pictures(0, 1), pictures(1, 1)
    model = style(steps=5)
    first = model(content, reference).table
    with torch.inference_mode():
        second = model(content.clone(), reference.clone()).table
    assert torch.equal(first, second)
    assert not first.requires_grad


@pytest.mark.parametrize("name", ["neural_style_paper", "neural_style_vgg"])
def test_the_presets_of_vgg_refuse_without_weights(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    model = load_model(name)
    with pytest.raises(MissingWeights, match=f"weights not found: get https.*{VGG19.file}") as caught:
        model(pictures(0, 1), pictures(1, 1))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["neural_style_paper", "neural_style_vgg"])
def test_the_presets_of_vgg_run_with_weights(name: str, weights: Path) -> None:
    model = load_model(name)
    assert isinstance(model, NeuralStyle)
    model.steps, model.size, model.resolution = 12, 9, 24
    batch = graded_sample(batch=1)
    content, reference = batch.frames[:, 0], batch.reference[:, 0]
    graded = model(content, reference)(content)
    assert distance(graded, reference) < distance(content, reference)


def test_the_file_is_torchvisions() -> None:
    prepare_torchvision()
    models = pytest.importorskip("torchvision.models")
    published = models.VGG19_Weights.IMAGENET1K_V1
    assert published.url == VGG19.url
    assert (tuple(published.transforms().mean), tuple(published.transforms().std)) == (IMAGENET_MEAN, IMAGENET_STD)
    with torch.device("meta"):
        state = models.vgg19().state_dict()
    for index, shape in SHAPES.items():
        assert tuple(state[f"features.{index}.weight"].shape) == (*shape, 3, 3)


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


def test_a_grade_that_diverges_is_no_grade() -> None:
    with pytest.raises(LutgradeError, match="diverged"):
        style(optimizer="adam", steps=3, learning_rate=float("inf"))(pictures(0, 1), pictures(1, 1))


@pytest.mark.parametrize("options", [{"variable": "frames"}, {"optimizer": "sgd"}])
def test_unknown_choices_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(InputError, match=next(iter(options.values()))):
        style(**options)
