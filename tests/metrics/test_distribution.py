"""The Fréchet distance against scipy, torchmetrics and closed forms; FID's and FVD's features on stand-in weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.metrics.distribution import FID, FVD, I3D_TORCHSCRIPT, INCEPTION, frechet_distance
from lutgrade.weights import MissingWeights


def draw(samples: int, size: int, seed: int) -> Tensor:
    """Correlated features with a mean of their own."""
    generator = torch.manual_seed(seed)
    mix = torch.randn(size, size, generator=generator, dtype=torch.float64)
    return torch.randn(samples, size, generator=generator, dtype=torch.float64) @ mix + seed


def test_frechet_distance_agrees_with_scipy_and_torchmetrics() -> None:
    from scipy.linalg import sqrtm
    from torchmetrics.image.fid import _compute_fid

    a, b = draw(200, 12, 1), draw(150, 12, 2)
    covariances = np.cov(a.numpy().T), np.cov(b.numpy().T)
    offset = a.mean(0).numpy() - b.mean(0).numpy()
    by_scipy = offset @ offset + np.trace(sum(covariances) - 2 * sqrtm(covariances[0] @ covariances[1]).real)
    by_torchmetrics = _compute_fid(a.mean(0), a.T.cov(), b.mean(0), b.T.cov()).item()
    ours = frechet_distance(a, b)
    assert ours == pytest.approx(by_scipy, rel=1e-9)
    assert ours == pytest.approx(by_torchmetrics, rel=1e-9)


def test_frechet_distance_holds_for_fewer_samples_than_features() -> None:
    a, b = draw(6, 40, 1), draw(9, 40, 2)
    values, vectors = torch.linalg.eigh(a.T.cov())
    root = vectors @ values.clamp_min(0).sqrt().diag() @ vectors.T
    root_trace = torch.linalg.eigvalsh(root @ b.T.cov() @ root).clamp_min(0).sqrt().sum()
    expected = (a.mean(0) - b.mean(0)).square().sum() + a.T.cov().trace() + b.T.cov().trace() - 2 * root_trace
    assert frechet_distance(a, b) == pytest.approx(expected.item(), rel=1e-5)


def test_frechet_distance_in_one_dimension() -> None:
    """Between N(m1, s1^2) and N(m2, s2^2) it is (m1 - m2)^2 + (s1 - s2)^2."""
    a, b = draw(50, 1, 3), draw(80, 1, 5)
    expected = (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2
    assert frechet_distance(a, b) == pytest.approx(expected.item())


@settings(max_examples=20)
@given(st.integers(2, 30), st.integers(2, 30), st.integers(1, 12), st.integers(0, 100))
def test_frechet_distance_is_symmetric_and_none_to_itself(n: int, m: int, size: int, seed: int) -> None:
    a, b = draw(n, size, seed), draw(m, size, seed + 1)
    scale = 1 + a.square().mean().item() * size
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6, abs=1e-9 * scale)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9 * scale)
    shifted = frechet_distance(a, a + 2)
    assert shifted == pytest.approx(4 * size, rel=1e-6, abs=1e-9 * scale)


def test_frechet_distance_needs_two_samples() -> None:
    with pytest.raises(InputError, match="two samples in each set, not 1 and 5"):
        frechet_distance(torch.rand(1, 3), torch.rand(5, 3))


def test_fid_takes_the_features_that_torch_fidelity_computes(photos: Tensor, hub: Path) -> None:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patched:  # a network of random weights, in place of the download
        patched.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        patched.setattr(torch, "load", lambda *args, **kwargs: {})
        network = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path="none")
    torch.save(network.state_dict(), hub / INCEPTION.file)
    features = FID().features(photos)
    torch.testing.assert_close(features, network((255 * photos).round().byte())[0])
    assert features.shape == (2, 2048)


class Logits(nn.Module):
    """Stands in for I3D: the signature of its TorchScript port, features that say what came in."""

    def forward(
        self, video: Tensor, rescale: bool = True, resize: bool = True, return_features: bool = False
    ) -> Tensor:
        assert not rescale
        assert not resize
        assert return_features
        assert video.shape[1:] == (3, 16, 224, 224)
        return torch.stack([video.mean(dim=(1, 2, 3, 4)), video[:, :, 0].mean(dim=(1, 2, 3))], dim=1)


def test_fvd_takes_clips_of_sixteen_frames(hub: Path) -> None:
    torch.jit.script(Logits()).save(hub / I3D_TORCHSCRIPT.file)
    brightness = torch.linspace(0, 1, 35)
    frames = brightness.view(35, 1, 1, 1).expand(35, 3, 20, 30)
    features = FVD().features(frames)
    expected = [[2 * brightness[start : start + 16].mean() - 1, 2 * brightness[start] - 1] for start in (0, 16)]
    torch.testing.assert_close(features, torch.tensor(expected), atol=1e-4, rtol=0)
    assert FVD().distance(features, features) == pytest.approx(0, abs=1e-9)
    with pytest.raises(InputError, match="at least 16 frames, not 15"):
        FVD().features(frames[:15])


def test_without_their_networks_both_say_how_to_get_them(photos: Tensor, hub: Path) -> None:
    with pytest.raises(MissingWeights, match="weights-inception-2015-12-05"):
        FID().features(photos)
    with pytest.raises(MissingWeights, match="i3d_torchscript"):
        FVD().features(photos.repeat(8, 1, 1, 1))
