"""The contract of every model in configs/model: a new yaml is tested here by being there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor, nn

from lutgrade import paths
from lutgrade.checkpoints import describe
from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.protocols import ColorMap, LutModel

EDITORS = {"vcg_editor", "vcg_editor_released", "vcg_editor_small", "vcg_video_editor"}  # no LUT comes of them
NEED_WEIGHTS = {"neural_style_paper", "neural_style_vgg"}  # and refuse without them: tests/models/test_neural_style.py
FULL_SIZE = {  # too large to run here, and most need weights: test_ldiffuser.py, test_bank_evidence.py
    "vcg",
    "vcg_released",
    "vcg_histogram",
    "vcg_vgg",
    "vcg_bases",
    "vcg_mlp",
}
LEFT_OUT = EDITORS | NEED_WEIGHTS | FULL_SIZE
CONFIGS = sorted(path for path in (paths.configs() / "model").glob("*.yaml") if path.stem not in LEFT_OUT)


SMALL = {"size": 9, "resolution": 32, "steps": 2}  # of a configuration's own keys, so that the tests are fast


@pytest.fixture(scope="module", params=CONFIGS, ids=lambda path: path.stem)
def config(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture(scope="module")
def model(config: Path) -> LutModel:
    """The model with random weights where it has any; those are frozen, so that it can be used without no_grad."""
    with initialize_config_dir(str(config.parent), version_base=None):
        settings = compose(config.stem)
    settings.update({key: value for key, value in SMALL.items() if key in settings})
    torch.manual_seed(0)
    model = instantiate(settings, _convert_="all")
    return model.eval().requires_grad_(False) if isinstance(model, nn.Module) else model


def images(seed: int, *shape: int) -> Tensor:
    """Smooth random pictures, so that neighbouring pixels are alike as in photographs."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(shape[0], 3, 4, 5, generator=generator)
    return torch.nn.functional.interpolate(coarse, shape[1:], mode="bilinear", align_corners=True)


@pytest.mark.parametrize("batch", [1, 2])
def test_grades_images_of_unlike_sizes(model: LutModel, batch: int) -> None:
    content, reference = images(0, batch, 24, 33), images(1, batch, 17, 12)
    grade = model(content, reference)
    assert isinstance(grade, ColorMap)
    graded = grade(content)
    assert graded.shape == content.shape
    assert graded.dtype == torch.float32
    assert graded.isfinite().all()
    assert graded.min() >= 0
    assert graded.max() <= 1


def test_gives_a_table_per_image(model: LutModel) -> None:
    grade = model(images(0, 2, 24, 33), images(1, 2, 17, 12))
    lut = grade if isinstance(grade, Lut) else grade.lut  # type: ignore[attr-defined]
    assert lut.table.shape == (2, 3, 9, 9, 9)
    assert lut.table.dtype == torch.float32
    assert lut.batch == 2


def test_is_deterministic_whatever_the_global_seed(model: LutModel) -> None:
    content, reference = images(0, 1, 24, 33), images(1, 1, 17, 12)
    torch.manual_seed(1)
    first = model(content, reference)(content)
    torch.manual_seed(2)
    torch.testing.assert_close(model(content, reference)(content), first, rtol=0, atol=0)


def test_a_batch_equals_a_loop(model: LutModel) -> None:
    content, reference = images(0, 3, 24, 33), images(1, 3, 17, 12)
    together = model(content, reference)(content)
    for i in range(3):
        alone = model(content[i : i + 1], reference[i : i + 1])(content[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-5)


def test_half_precision_keeps_the_table_in_full(model: LutModel) -> None:
    content, reference = images(0, 1, 24, 33), images(1, 1, 17, 12)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        grade = model(content, reference)
    lut = grade if isinstance(grade, Lut) else grade.lut  # type: ignore[attr-defined]
    assert lut.table.dtype == torch.float32
    torch.testing.assert_close(grade(content), model(content, reference)(content), rtol=0, atol=0.02)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_images_of_another_precision_give_the_same_map(model: LutModel, dtype: torch.dtype) -> None:
    content, reference = images(0, 1, 24, 33).to(dtype), images(1, 1, 17, 12).to(dtype)
    grade, wanted = model(content, reference), model(content.float(), reference.float())
    assert grade(content).dtype == dtype
    torch.testing.assert_close(grade(content.float()), wanted(content.float()), rtol=0, atol=1e-4)


def test_leaves_its_input_alone(model: LutModel) -> None:
    content, reference = images(0, 1, 24, 33), images(1, 1, 17, 12)
    before = content.clone(), reference.clone()
    model(content, reference)
    assert torch.equal(content, before[0])
    assert torch.equal(reference, before[1])


DEGENERATE = {
    "black": torch.zeros(3, 8, 8),
    "white": torch.ones(3, 8, 8),
    "flat": torch.tensor([0.2, 0.5, 0.7])[:, None, None].expand(3, 8, 8),
    "two colours": torch.eye(8).expand(3, 8, 8),
    "monochrome": torch.linspace(0, 1, 64).reshape(1, 8, 8).expand(3, 8, 8),
    "NaN": torch.full((3, 8, 8), float("nan")),
}


def test_degenerate_images_give_a_finite_map(model: LutModel) -> None:
    picture, odd = images(0, 1, 8, 8)[0], list(DEGENERATE.values())
    content = torch.stack([picture] * len(odd) + odd + odd)
    reference = torch.stack(odd + [picture] * len(odd) + odd[::-1])
    nodes = identity_table(9).reshape(1, 3, 9, 81).repeat(len(content), 1, 1, 1)
    graded = model(content, reference)(nodes)
    assert graded.isfinite().all()
    assert graded.aminmax().min >= 0
    assert graded.aminmax().max <= 1


@pytest.mark.parametrize(
    ("content", "reference"), [((1, 1), (8, 8)), ((8, 8), (1, 1)), ((1, 1), (1, 1)), ((1, 9), (9, 1))]
)
def test_images_of_one_pixel_or_line_give_a_finite_map(
    model: LutModel, content: tuple[int, int], reference: tuple[int, int]
) -> None:
    assert model(images(0, 1, *content), images(1, 1, *reference))(images(2, 1, 9, 9)).isfinite().all()


def test_bad_shapes_are_refused(model: LutModel) -> None:
    good = images(0, 2, 24, 33)
    for content, reference in ((good[0], good), (good[:, :1], good), (good, good[:1]), ((good * 255).byte(), good)):
        with pytest.raises(InputError):
            model(content, reference)


def test_every_model_has_a_description(config: Path) -> None:
    assert 20 < len(describe(config.stem)) <= 110
