"""The blur effect against skimage, BRISQUE as piq has it, NIQE against piq's statistics and closed forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.metrics.frames import grey
from lutgrade.metrics.no_reference import BRISQUE, NIQE, Blur, niqe_distance
from lutgrade.metrics.scene_statistics import asymmetric_gaussian, mscn, patch_features
from lutgrade.protocols import Sample
from lutgrade.weights import MissingWeights


def sample_of(frames: Tensor) -> Sample:
    return Sample(frames, frames[:1])


@pytest.mark.parametrize("size", [11, 5])
def test_blur_agrees_with_skimage(pair: tuple[Tensor, Sample], size: int) -> None:
    from skimage.measure import blur_effect

    frames = torch.cat([pair[0], pair[1].target])
    expected = [blur_effect(frame.double().numpy(), h_size=size, channel_axis=0) for frame in frames]
    assert Blur(size)(frames, sample_of(frames)).tolist() == pytest.approx(expected, abs=1e-9)


def test_blur_is_the_same_on_its_side_and_on_every_device(photos: Tensor, device: torch.device) -> None:
    frames = photos.to(device)
    torch.testing.assert_close(Blur()(frames, sample_of(frames)), Blur()(frames.mT, sample_of(frames)))


def test_blur_refuses_what_it_cannot_do(photos: Tensor) -> None:
    with pytest.raises(InputError, match="odd"):
        Blur(10)
    with pytest.raises(InputError, match="11x11"):
        Blur()(photos[..., :8, :], sample_of(photos))


def test_brisque_without_its_model_says_how_to_get_it(photos: Tensor, hub: Path) -> None:
    with pytest.raises(MissingWeights, match=r"brisque_svm_weights\.pt and save it as"):
        BRISQUE()(photos, sample_of(photos))


def test_brisque_is_piqs_and_a_black_frame_has_none(photos: Tensor, hub: Path) -> None:
    from piq import brisque

    vectors = torch.rand(36, 20, generator=torch.manual_seed(0)) * 2 - 1
    torch.save((torch.linspace(-5, 5, 20)[:, None], vectors.T.contiguous()), hub / "brisque_svm_weights.pt")
    frames = torch.cat([photos, torch.zeros_like(photos[:1])])
    scores = BRISQUE()(frames, sample_of(frames))
    assert scores[:2].tolist() == pytest.approx(brisque(photos, reduction="none").flatten().tolist(), abs=1e-3)
    assert scores[0] != scores[1]
    assert scores[2].isnan()


def test_mscn_agrees_with_scipy(photos: Tensor) -> None:
    from scipy.ndimage import gaussian_filter

    luma = grey(255 * photos[0].double()).numpy()
    mean, squares = (gaussian_filter(values, 7 / 6, mode="nearest", radius=3) for values in (luma, luma**2))
    expected = (luma - mean) / (np.sqrt(np.abs(squares - mean**2)) + 1)
    np.testing.assert_allclose(mscn(torch.from_numpy(luma)).numpy(), expected, atol=1e-9)


def test_asymmetric_gaussian_agrees_with_piq(photos: Tensor) -> None:
    from piq.brisque import _aggd_parameters

    coefficients = mscn(grey(255 * photos[0].double()))
    products = coefficients * coefficients.roll(1, dims=1)
    alpha, left, right = asymmetric_gaussian(products.flatten()[None])
    theirs_alpha, theirs_left, theirs_right = _aggd_parameters(products[None, None])
    assert alpha.item() == pytest.approx(theirs_alpha.item(), abs=1e-9)
    scale = torch.exp((torch.lgamma(1 / alpha) - torch.lgamma(3 / alpha)) / 2)  # piq gives deviations
    assert (left / scale).item() == pytest.approx(theirs_left.item())
    assert (right / scale).item() == pytest.approx(theirs_right.item())


@pytest.mark.parametrize(("shape", "draw"), [(2.0, "normal"), (1.0, "laplace")])
def test_asymmetric_gaussian_recovers_known_distributions(shape: float, draw: str) -> None:
    values = torch.from_numpy(getattr(np.random.default_rng(0), draw)(size=(1, 400_000)))
    alpha, left, right = asymmetric_gaussian(values)
    assert alpha.item() == pytest.approx(shape, rel=0.02)
    assert left.item() == pytest.approx(right.item(), rel=0.02)


def test_niqe_distance_in_closed_form() -> None:
    features = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 1.0], [2.0, 3.0]], dtype=torch.float64)
    mean, covariance = torch.tensor([1.0, 0.0], dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    pooled = (np.eye(2) + np.cov(features.numpy().T)) / 2
    offset = np.array([1.0, 0.0]) - features.numpy().mean(axis=0)
    expected = np.sqrt(offset @ np.linalg.inv(pooled) @ offset)
    assert niqe_distance(features, mean, covariance).item() == pytest.approx(expected)
    assert niqe_distance(features[:1], mean, covariance).isnan()


def test_niqe_with_a_pristine_model_of_photographs_ranks_distortions(pair: tuple[Tensor, Sample], hub: Path) -> None:
    from skimage import data

    pristine = torch.from_numpy(data.astronaut()).movedim(-1, 0).double()
    features = torch.cat([patch_features(grey(image)) for image in (pristine, pristine.flip(-1), pristine.mT)])
    features = features[features.isfinite().all(1)]
    covariance = np.cov(features.numpy().T) + 1e-6 * np.eye(36)
    np.savez(hub / "niqe_pris_params.npz", mu_pris_param=features.mean(0)[None].numpy(), cov_pris_param=covariance)
    sharp, blurred = pair[0], pair[1].target
    noisy = (sharp + 0.1 * torch.randn(sharp.shape, generator=torch.manual_seed(0))).clamp(0, 1)
    of_sharp, of_blurred, of_noisy = (NIQE()(frames, sample_of(frames)).mean() for frames in (sharp, blurred, noisy))
    assert of_sharp < of_blurred
    assert of_sharp < of_noisy


def test_niqe_of_a_black_frame_is_undefined(hub: Path) -> None:
    np.savez(hub / "niqe_pris_params.npz", mu_pris_param=np.zeros((1, 36)), cov_pris_param=np.eye(36))
    black = torch.zeros(1, 3, 192, 192)
    assert NIQE()(black, sample_of(black)).isnan().all()
    with pytest.raises(InputError, match="192 pixels"):
        NIQE()(black[..., 1:], sample_of(black))


def test_niqe_without_its_model_and_with_another_file(photos: Tensor, hub: Path) -> None:
    with pytest.raises(MissingWeights, match=r"niqe_pris_params\.npz"):
        NIQE()(photos, sample_of(photos))
    np.savez(hub / "niqe_pris_params.npz", something=np.zeros(3))
    with pytest.raises(InputError, match="does not hold NIQE's parameters"):
        NIQE()(photos, sample_of(photos))
