"""The laws of `Lut`, and its domain and shaper against OpenColorIO."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lutgrade import Lut
from lutgrade.errors import InputError
from lutgrade.lut import identity_table
from lutgrade.lut.cube import write_cube

IMAGE = torch.rand(3, 12, 16, generator=torch.Generator().manual_seed(7))


def random_lut(size: int, seed: int = 0, **kwargs: Tensor) -> Lut:
    return Lut(torch.rand(3, size, size, size, generator=torch.Generator().manual_seed(seed)), **kwargs)


def smooth_lut(seed: int, size: int = 17) -> Lut:
    """A gentle grade: a gamma per channel and a little mixing."""
    generator = torch.Generator().manual_seed(seed)
    gamma = 0.7 + 0.6 * torch.rand(3, 1, 1, generator=generator)
    mix = torch.softmax(3 * torch.eye(3) + torch.rand(3, 3, generator=generator), 1)
    return Lut.from_function(lambda x: torch.einsum("ij,...jhw->...ihw", mix, x).clamp(0, 1) ** gamma, size)


@pytest.mark.parametrize("size", [2, 17, 33])
def test_the_identity_changes_nothing(size: int) -> None:
    torch.testing.assert_close(Lut.identity(size)(IMAGE), IMAGE, atol=3e-7, rtol=0)


def test_axes_are_channel_blue_green_red() -> None:
    table = identity_table(5)
    assert table[:, 0, 0, -1].tolist() == [1, 0, 0]
    assert table[:, 0, -1, 0].tolist() == [0, 1, 0]
    assert table[:, -1, 0, 0].tolist() == [0, 0, 1]


def test_residual_and_identity_make_the_table() -> None:
    lut = random_lut(9)
    torch.testing.assert_close(Lut.from_residual(lut.residual()).table, lut.table)


@given(size=st.integers(2, 9), factor=st.integers(2, 4), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_resizing_to_a_multiple_of_the_cells_is_exact(size: int, factor: int, seed: int) -> None:
    lut = random_lut(size, seed)
    finer = lut.resize(factor * (size - 1) + 1)
    torch.testing.assert_close(finer(IMAGE), lut(IMAGE), atol=2e-6, rtol=0)
    torch.testing.assert_close(finer.resize(size).table, lut.table, atol=1e-6, rtol=0)


@given(strength=st.floats(-0.5, 2), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_blend_is_linear_in_strength(strength: float, seed: int) -> None:
    lut = random_lut(7, seed)
    expected = IMAGE + strength * (lut(IMAGE) - IMAGE)
    torch.testing.assert_close(lut.blend(strength)(IMAGE), expected, atol=2e-6, rtol=0)


def test_blend_by_zero_is_the_identity_exactly() -> None:
    assert torch.equal(random_lut(17).blend(0).table, identity_table(17))
    shaper = torch.linspace(0, 1, 64).sqrt().expand(3, -1)
    assert torch.equal(random_lut(17, shaper=shaper).blend(0).table, identity_table(65))
    codes = torch.arange(256, dtype=torch.uint8).expand(3, 1, 256)
    assert torch.equal(random_lut(33).blend(0)(codes), codes)


@pytest.mark.parametrize("strength", [float("nan"), float("inf")])
def test_blend_refuses_what_is_no_strength(strength: float) -> None:
    with pytest.raises(InputError, match="finite"):
        random_lut(3).blend(strength)


def test_blend_by_one_is_the_same_lut() -> None:
    lut = random_lut(5)
    assert lut.blend(1) is lut


def test_composing_with_the_identity_changes_nothing() -> None:
    lut = random_lut(9)
    torch.testing.assert_close(lut.compose(Lut.identity(9))(IMAGE), lut(IMAGE), atol=1e-6, rtol=0)
    torch.testing.assert_close(Lut.identity(9).compose(lut)(IMAGE), lut(IMAGE), atol=1e-6, rtol=0)


@given(seed=st.integers(0, 50))
@settings(max_examples=5, deadline=None)
def test_compose_applies_in_order_and_is_associative(seed: int) -> None:
    a, b, c = (smooth_lut(seed + i) for i in range(3))
    torch.testing.assert_close(a.compose(b, size=33)(IMAGE), b(a(IMAGE)), atol=0.01, rtol=0)
    left, right = a.compose(b, size=33).compose(c), a.compose(b.compose(c, size=33))
    torch.testing.assert_close(left(IMAGE), right(IMAGE), atol=0.01, rtol=0)


def test_a_batch_grades_each_image_with_its_own_table() -> None:
    luts = [random_lut(5, seed) for seed in range(3)]
    batch = Lut(torch.stack([lut.table for lut in luts]))
    images = torch.rand(3, 3, 4, 6, generator=torch.Generator().manual_seed(1))
    expected = torch.stack([lut(image) for lut, image in zip(luts, images, strict=True)])
    for made in (batch, batch.blend(0.5), batch.compose(Lut.identity(5)), batch.resize(9)):
        assert made.batch == 3
    torch.testing.assert_close(batch(images), expected)
    torch.testing.assert_close(batch.resize(9)(images), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(batch[1](images[1]), expected[1])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.bfloat16, torch.float16, torch.float64])
def test_a_domain_and_a_shaper_keep_the_dtype_of_the_image(dtype: torch.dtype) -> None:
    shaper = torch.linspace(0, 1, 4096).sqrt().expand(3, -1)
    lut = Lut(identity_table(5), torch.tensor([[0.0] * 3, [1.0] * 3]), shaper)
    peak = 1 if dtype.is_floating_point else torch.iinfo(dtype).max
    image = (IMAGE * peak).to(dtype)
    graded = lut(image)
    assert graded.dtype == dtype
    error = (graded.double() / peak - (image.double() / peak).sqrt()).abs().max()
    assert error < {torch.uint8: 0.004, torch.bfloat16: 0.005}.get(dtype, 0.0015)


def test_a_domain_keeps_blend_and_resize_on_its_own_inputs() -> None:
    domain = torch.tensor([[-1.0, 0.0, 0.5], [1.0, 4.0, 2.0]])
    low, high = domain[:, :, None, None]
    image = low + IMAGE * (high - low)
    lut = random_lut(5, domain=domain)
    torch.testing.assert_close(lut.blend(0)(image), image, atol=1e-6, rtol=0)
    torch.testing.assert_close(lut.blend(0.25)(image), image + 0.25 * (lut(image) - image), atol=2e-6, rtol=0)
    torch.testing.assert_close(lut.resize(9)(image), lut(image), atol=2e-6, rtol=0)


@pytest.mark.parametrize("high", [[3.0, 3.0, 3.0], [2.0, 1.5, 4.0]])
@pytest.mark.parametrize("shaped", [False, True])
def test_domain_and_shaper_agree_with_opencolorio(high: list[float], shaped: bool, tmp_path) -> None:
    ocio = pytest.importorskip("PyOpenColorIO")
    domain = torch.tensor([[-0.5, -0.5, -0.5], high])
    gammas = torch.tensor([[0.4], [0.6], [1.5]])
    shaper = torch.linspace(0, 1, 129) ** gammas if shaped else None
    lut = Lut(random_lut(9).table, domain, shaper)
    suffix = ".clf" if len(set(high)) > 1 else ".cube"
    path = lut.save(tmp_path / f"lut{suffix}")
    processor = ocio.Config.CreateRaw().getProcessor(ocio.FileTransform(src=str(path)))
    colors = np.random.default_rng(0).uniform(-1, 4.5, (4096, 3)).astype(np.float32)
    expected = colors.copy()
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(expected)
    ours = Lut.load(path)(torch.from_numpy(colors).T[:, None])[:, 0].T
    np.testing.assert_allclose(ours.numpy(), expected, atol=4e-6)


def test_curves_are_kept_exactly_even_outside_of_0_to_1() -> None:
    curves = torch.stack([torch.linspace(-2, 5, 9), torch.linspace(0, 1, 9) ** 2, torch.full((9,), 0.3)])
    lut = Lut.from_curves(curves)
    knots = torch.linspace(0, 1, 9).expand(3, 1, 9)
    torch.testing.assert_close(lut(knots)[:, 0], curves, atol=1e-6, rtol=0)
    halfway = lut((knots[..., 1:] + knots[..., :-1]) / 2)[:, 0]
    torch.testing.assert_close(halfway, (curves[:, 1:] + curves[:, :-1]) / 2, atol=1e-6, rtol=0)


def test_nan_maps_as_the_lowest_input() -> None:
    nan = torch.full((3, 1, 1), torch.nan)
    shaper = torch.linspace(0, 1, 5).expand(3, -1)
    for lut in (
        random_lut(3),
        random_lut(3, domain=torch.tensor([[-1.0] * 3, [2.0] * 3])),
        random_lut(3, shaper=shaper),
    ):
        assert torch.equal(lut(nan)[:, 0, 0], lut.table[:, 0, 0, 0])


def test_a_table_too_large_to_apply_can_still_be_resized() -> None:
    large = Lut(identity_table(130).square())
    resized = large.resize(33)
    torch.testing.assert_close(resized.table, identity_table(33).square(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("table", "domain", "shaper"),
    [
        (torch.rand(3, 4, 4, 5), None, None),
        (torch.rand(4, 4, 4, 4), None, None),
        (torch.rand(3, 1, 1, 1), None, None),
        (torch.rand(3, 2, 2, 2), torch.tensor([[0.0, 0, 0], [1, 0, 1]]), None),
        (torch.rand(3, 2, 2, 2), torch.tensor([0.0, 1.0]), None),
        (torch.rand(3, 2, 2, 2), None, torch.rand(3, 1)),
        (torch.rand(3, 2, 2, 2), None, torch.rand(5)),
    ],
)
def test_what_is_no_lut_is_refused(table: Tensor, domain: Tensor | None, shaper: Tensor | None) -> None:
    with pytest.raises(InputError):
        Lut(table, domain, shaper)


def test_a_shaper_has_no_residual() -> None:
    with pytest.raises(InputError, match="resize"):
        random_lut(3, shaper=torch.linspace(0, 1, 4).expand(3, -1)).residual()


def test_files_by_way_of_the_class(tmp_path) -> None:
    lut = random_lut(3)
    torch.testing.assert_close(Lut.load(write_cube(lut, tmp_path / "a.cube")).table, lut.table, atol=6e-7, rtol=0)
