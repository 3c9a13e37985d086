"""Fidelity metrics against independent implementations: scikit-image and colour-science."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.metrics import CIEDE2000, PSNR, SSIM
from lutgrade.protocols import Metric, Sample


@pytest.fixture
def graded() -> Tensor:
    return _smooth(0)


@pytest.fixture
def sample() -> Sample:
    target = (_smooth(0) * 0.9 + 0.1 * _smooth(1)).clamp(0, 1)
    return Sample(frames=_smooth(0), reference=_smooth(2), target=target, name="pair")


def _smooth(seed: int) -> Tensor:
    """Three frames of blobs with grain, `[3, 3, 40, 52]`."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(3, 3, 6, 8, generator=generator)
    fine = torch.rand(3, 3, 40, 52, generator=generator)
    return 0.9 * torch.nn.functional.interpolate(coarse, (40, 52), mode="bilinear") + 0.1 * fine


def _arrays(graded: Tensor, sample: Sample) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of `[H, W, 3]` arrays, one per frame."""
    assert sample.target is not None
    pairs = zip(graded.double(), sample.target.double(), strict=True)
    return [(a.permute(1, 2, 0).numpy(), b.permute(1, 2, 0).numpy()) for a, b in pairs]


def test_psnr_is_scikit_images(graded: Tensor, sample: Sample) -> None:
    from skimage.metrics import peak_signal_noise_ratio

    wanted = [peak_signal_noise_ratio(b, a, data_range=1) for a, b in _arrays(graded, sample)]
    np.testing.assert_allclose(PSNR()(graded, sample).numpy(), wanted, atol=1e-6)


def test_ssim_is_scikit_images(graded: Tensor, sample: Sample) -> None:
    """scikit-image pads, so its map is compared without the border of the window's radius, 5."""
    from skimage.metrics import structural_similarity

    settings = {"gaussian_weights": True, "sigma": 1.5, "truncate": 3.5, "use_sample_covariance": False}
    wanted = []
    for a, b in _arrays(graded, sample):
        _, similarity = structural_similarity(b, a, data_range=1, channel_axis=2, full=True, **settings)
        wanted.append(similarity[5:-5, 5:-5].mean())
    np.testing.assert_allclose(SSIM()(graded, sample).numpy(), wanted, atol=1e-5)


def test_ciede2000_is_colour_sciences(graded: Tensor, sample: Sample) -> None:
    import colour

    white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]

    def lab(image: np.ndarray) -> np.ndarray:
        return colour.XYZ_to_Lab(colour.RGB_to_XYZ(image, "sRGB", apply_cctf_decoding=True), white)

    wanted = [colour.delta_E(lab(a), lab(b), method="CIE 2000").mean() for a, b in _arrays(graded, sample)]
    np.testing.assert_allclose(CIEDE2000()(graded, sample).numpy(), wanted, rtol=1e-3)


def test_identical_frames_score_the_best(graded: Tensor) -> None:
    sample = Sample(frames=graded, reference=graded, target=graded)
    assert PSNR()(graded, sample).isposinf().all()
    torch.testing.assert_close(SSIM()(graded, sample), torch.ones(3))
    assert CIEDE2000()(graded, sample).max() == 0


def test_one_eighth_off_in_one_channel() -> None:
    """By hand: a mean squared error of 1/64/3."""
    target = torch.full((1, 3, 12, 12), 0.5)
    graded = target.clone()
    graded[:, 1] += 0.125
    score = PSNR()(graded, Sample(frames=target, reference=target, target=target))
    assert float(score) == pytest.approx(10 * np.log10(64 * 3), abs=1e-9)


@pytest.mark.parametrize("metric", [PSNR(), SSIM(), CIEDE2000()], ids=lambda m: m.name)
def test_scores_a_number_per_frame_and_refuses_what_it_cannot_score(
    metric: Metric, graded: Tensor, sample: Sample
) -> None:
    scores = metric(graded, sample)
    assert scores.shape == (3,)
    torch.testing.assert_close(
        scores[1:2], metric(graded[1:2], Sample(graded[1:2], graded, sample.target[1:2])), rtol=1e-5, atol=1e-5
    )
    with pytest.raises(InputError, match="no target"):
        metric(graded, Sample(graded, graded, name="x"))
    with pytest.raises(InputError, match="graded frames are"):
        metric(graded[..., :-1], sample)


def test_ssim_needs_a_window() -> None:
    tiny = torch.rand(1, 3, 10, 40)
    with pytest.raises(InputError, match="11x11"):
        SSIM()(tiny, Sample(tiny, tiny, tiny))
