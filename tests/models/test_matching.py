"""The matchers: what each promises of the reference's statistics, and sanity where there is little to go by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lutgrade.color.spaces import srgb_to_lab
from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.models.matching import MKL, HistogramMatching, Identity, Reinhard, linear_transport, quantiles
from lutgrade.models.pixels import MAX_PIXELS, moments, sample_pixels
from lutgrade.models.sliced import SlicedOT
from lutgrade.models.unbalanced import UnbalancedMKL, transported

MATCHERS: list[Callable[[Tensor, Tensor], Lut]] = [
    Reinhard(),
    HistogramMatching(),
    MKL(),
    SlicedOT(size=17),
    UnbalancedMKL(),
]
BY_NAME = pytest.mark.parametrize("matcher", MATCHERS, ids=lambda m: type(m).__name__)


def picture(seed: int, low: float = 0.2, high: float = 0.8, size: int = 48) -> Tensor:
    """Correlated colours well inside the cube, so that clamping plays no part; `[1, 3, size, size]`."""
    generator = torch.Generator().manual_seed(seed)
    grey, tint = torch.rand(1, 1, size, size, generator=generator), torch.rand(1, 3, size, size, generator=generator)
    return low + (high - low) * (0.7 * grey + 0.3 * tint)


def grade_gently(image: Tensor) -> Tensor:
    """A known grade: less contrast, warmer, an S of its own."""
    return torch.stack([0.05 + 0.9 * image[:, 0] ** 0.9, 0.1 + 0.75 * image[:, 1], 0.15 + 0.6 * image[:, 2]], dim=1)


@BY_NAME
def test_matching_an_image_to_itself_changes_nothing(matcher: Callable[[Tensor, Tensor], Lut]) -> None:
    image = picture(0)
    torch.testing.assert_close(matcher(image, image)(image), image, rtol=0, atol=1e-5)


@BY_NAME
def test_a_known_grade_is_found_from_the_same_picture(matcher: Callable[[Tensor, Tensor], Lut]) -> None:
    content = picture(0)
    target = grade_gently(content)
    before = (content - target).abs().mean()
    assert (matcher(content, target)(content) - target).abs().mean() < 0.4 * before


def test_reinhard_gives_mean_and_deviation_in_lab() -> None:
    content, reference = picture(0), grade_gently(picture(1))
    graded = Reinhard(size=65)(content, reference)(content)
    lab, wanted = srgb_to_lab(graded).flatten(2), srgb_to_lab(reference).flatten(2)
    torch.testing.assert_close(lab.mean(2), wanted.mean(2), rtol=0, atol=0.15)
    torch.testing.assert_close(lab.std(2), wanted.std(2), rtol=0.03, atol=0.05)


def test_mkl_gives_mean_and_covariance() -> None:
    content, reference = picture(0), grade_gently(picture(1))
    graded = MKL()(content, reference)(content)
    (mean, covariance), (wanted_mean, wanted) = (moments(sample_pixels(x)) for x in (graded, reference))
    torch.testing.assert_close(mean, wanted_mean, rtol=0, atol=1e-4)
    torch.testing.assert_close(covariance, wanted, rtol=0, atol=2e-5)


def test_histogram_matching_gives_the_quantiles_in_lab() -> None:
    content, reference = picture(0), grade_gently(picture(1)) ** 1.3
    graded = HistogramMatching(size=65)(content, reference)(content)
    probabilities = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95])
    found, wanted = (torch.quantile(srgb_to_lab(x).flatten(2), probabilities, dim=2) for x in (graded, reference))
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.8)


def test_sliced_transport_approaches_the_distribution() -> None:
    from scipy.stats import wasserstein_distance

    content, reference = picture(0).flatten(2).double(), (picture(1) ** 2).flatten(2).double()
    moved = SlicedOT(iterations=30, step=1.0).transport(content, reference)
    direction = torch.tensor([0.6, -0.48, 0.64], dtype=torch.float64)
    before, after = (wasserstein_distance(direction @ x[0], direction @ reference[0]) for x in (content, moved))
    assert after < 0.05 * before


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=50, deadline=None)
def test_the_linear_map_is_the_monge_kantorovich_one(seed: int) -> None:
    """T C T = R with T symmetric positive: the one such matrix, here against scipy's square roots."""
    from scipy.linalg import sqrtm

    factors = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 0.2
    c, r = factors @ factors.mT + 0.01 * torch.eye(3, dtype=torch.float64)
    found = linear_transport(c[None], r[None], max_gain=1e9, noise=0.0)[0]
    root = sqrtm(c.numpy())
    inverse = np.linalg.inv(root)
    wanted = np.real(inverse @ sqrtm(root @ r.numpy() @ root) @ inverse)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("space", ["rgb", "lab", "oklab", "linear"])
@pytest.mark.parametrize("kind", [Reinhard, HistogramMatching, MKL, UnbalancedMKL], ids=lambda k: k.__name__)
def test_every_space_finds_a_known_grade(kind: Callable[..., Callable[[Tensor, Tensor], Lut]], space: str) -> None:
    content = picture(0)
    target = grade_gently(content)
    error = (kind(space=space)(content, target)(content) - target).abs().mean()
    assert error < 0.3 * (content - target).abs().mean()


def test_an_unknown_space_is_named() -> None:
    with pytest.raises(InputError, match=r"'hsl'.*rgb, linear, lab, oklab"):
        MKL(space="hsl")(picture(0), picture(1))


@pytest.mark.parametrize("count", [1, 3, 7, 20])
def test_quantiles_are_hazens(count: int) -> None:
    values = torch.rand(1, 3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wanted = np.quantile(values.numpy(), (np.arange(count) + 0.5) / count, axis=2, method="hazen")
    np.testing.assert_allclose(quantiles(values, count).numpy(), np.moveaxis(wanted, 0, 2), atol=1e-12)


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(InputError, match="between 2 quantiles at least, not 1"):
        HistogramMatching(levels=1)
    for options in ({"blur": 0.0}, {"reach": -1.0}):
        with pytest.raises(InputError, match="a blur and a reach above 0"):
            UnbalancedMKL(**options)


@BY_NAME
def test_a_flat_content_is_not_posterised(matcher: Callable[[Tensor, Tensor], Lut]) -> None:
    """Grain of one 8-bit step stays grain of a few steps, whatever the reference's contrast."""
    grain = torch.randint(0, 2, (1, 3, 32, 32), generator=torch.Generator().manual_seed(0)) / 255
    content = 0.5 + grain
    graded = matcher(content, torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)))(content)
    assert (graded.amax((2, 3)) - graded.amin((2, 3))).max() < 9 / 255


@BY_NAME
def test_a_flat_content_takes_the_reference_colour(matcher: Callable[[Tensor, Tensor], Lut]) -> None:
    content = torch.full((1, 3, 8, 8), 0.5)
    reference = torch.tensor([0.7, 0.5, 0.3])[None, :, None, None].expand(1, 3, 8, 8)
    graded = matcher(content, reference)(content)
    torch.testing.assert_close(graded, reference.contiguous(), rtol=0, atol=0.03)


@BY_NAME
def test_a_monochrome_reference_drains_the_colour(matcher: Callable[[Tensor, Tensor], Lut]) -> None:
    content = picture(0)
    reference = picture(1).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    graded = matcher(content, reference)(content)
    assert (graded.amax(1) - graded.amin(1)).mean() < 0.35 * (content.amax(1) - content.amin(1)).mean()


@BY_NAME
def test_grey_stays_monotone(matcher: Callable[[Tensor, Tensor], Lut]) -> None:
    table = matcher(picture(0), grade_gently(picture(1)))
    grey = torch.linspace(0, 1, 65)[None, None, None].expand(1, 3, 1, -1).contiguous()
    assert table(grey).diff(dim=-1).min() > -1e-4


def test_unbalanced_transport_drops_what_has_no_counterpart() -> None:
    near, far = torch.full((1, 3, 4), 0.2), torch.full((1, 3, 2), 0.9)
    source = torch.cat([near, far], dim=2).double()
    carried, _ = transported(source, near.double(), blur=0.003, reach=0.05)
    assert carried[0, :4].min() > 10 * carried[0, 4:].max()


def test_unbalanced_mkl_is_misled_less_by_what_the_reference_shows() -> None:
    """The reference holds the graded content and as much of something else: plain MKL takes it for the grade."""
    content, other = picture(0, 0.1, 0.5), picture(1, 0.75, 0.95)
    reference = torch.cat([grade_gently(content), other], dim=3)
    target = grade_gently(content)
    plain, unbalanced = ((m(content, reference)(content) - target).abs().mean() for m in (MKL(), UnbalancedMKL()))
    assert unbalanced < 0.75 * plain


def test_identity_is_exact() -> None:
    content = picture(0)
    table = Identity(size=17)(content, content).table
    assert torch.equal(table[0], identity_table(17))


def test_large_images_are_sampled_at_the_same_places() -> None:
    image = torch.rand(1, 3, 300, 300, generator=torch.Generator().manual_seed(0))
    pixels = sample_pixels(image)
    assert pixels.shape == (1, 3, MAX_PIXELS, 1)
    assert torch.equal(pixels, sample_pixels(image.clone()))
    torch.testing.assert_close(pixels.mean(2)[..., 0].float(), image.mean((2, 3)), rtol=0, atol=5e-3)


def test_matchers_improve_on_real_pairs(data_dir: Path) -> None:
    """A few pairs of the paired protocol: every matcher beats identity, the unbalanced one beats plain MKL."""
    from lutgrade.data.pairs import PairedProtocol
    from lutgrade.metrics.fidelity import PSNR

    photos = sorted((data_dir / "photos" / "val").glob("*"))[::20]
    samples = list(PairedProtocol(photos, data_dir / "luts" / "val", per_photo=2))
    models = {"identity": Identity(), "mkl": MKL(), "reinhard": Reinhard(), "unbalanced": UnbalancedMKL()}
    score = {
        name: np.mean([float(PSNR()(model(s.frames, s.reference)(s.frames), s)) for s in samples])
        for name, model in models.items()
    }
    assert min(score["mkl"], score["reinhard"]) > score["identity"] + 1
    assert score["unbalanced"] > score["mkl"] + 0.3
