"""Patch consistency against skimage over every offset, PVCS on an I3D of random weights."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.metrics.clips import PVCS, PatchConsistencyPSNR, PatchConsistencySSIM
from lutgrade.metrics.i3d import I3D, pad_same
from lutgrade.protocols import Sample
from lutgrade.weights import MissingWeights


def sample_of(frames: Tensor) -> Sample:
    return Sample(frames, frames[:1], frames)


@pytest.mark.parametrize("metric", [PatchConsistencyPSNR, PatchConsistencySSIM])
def test_patch_consistency_agrees_with_skimage(photos: Tensor, metric: type) -> None:
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    patch, search = 20, 3
    noise = 0.05 * torch.randn(3, 3, 28, 30, generator=torch.manual_seed(0))
    clip = (torch.stack([photos[0, :, 50 + t : 78 + t, 60:90] for t in range(3)]) + noise).clamp(0, 1)
    frames, places = clip.movedim(1, -1).numpy(), np.random.default_rng(7)
    expected = []
    for a, b in pairwise(frames):
        top, left = places.integers(28 - patch), places.integers(30 - patch)
        best = -1.0
        for y in range(max(top - search, 0), min(top + search, 28 - patch + 1)):
            for x in range(max(left - search, 0), min(left + search, 30 - patch + 1)):
                both = a[top : top + patch, left : left + patch], b[y : y + patch, x : x + patch]
                if metric is PatchConsistencyPSNR:
                    best = max(best, peak_signal_noise_ratio(*both, data_range=1))
                else:
                    best = max(best, structural_similarity(*both, data_range=1, channel_axis=-1))
        expected.append(best)
    scores = metric(patch, search, seed=7)(clip, sample_of(clip))
    assert scores.tolist() == pytest.approx(expected, rel=1e-4)


def test_patch_consistency_finds_a_patch_that_moved(photos: Tensor) -> None:
    clip = torch.stack([photos[0, :, 40 + 3 * t : 140 + 3 * t, 40:140] for t in range(3)])
    assert PatchConsistencySSIM()(clip, sample_of(clip)).min() > 0.9999
    assert PatchConsistencyPSNR()(clip, sample_of(clip)).isinf().all()


def test_patch_consistency_falls_with_flicker(photos: Tensor) -> None:
    clip = torch.stack([photos[0, :, :90, :90] + 0.04 * (t % 2) for t in range(3)])
    scores = PatchConsistencyPSNR()(clip, sample_of(clip))
    assert scores.shape == (2,)
    assert 20 < scores.min() <= scores.max() < 45


def test_patch_consistency_needs_two_large_frames(photos: Tensor) -> None:
    for clip in (photos[:1], photos[..., :50]):
        with pytest.raises(InputError, match="two frames of more than 50"):
            PatchConsistencyPSNR()(clip, sample_of(clip))


@pytest.fixture(scope="module")
def i3d() -> I3D:
    torch.manual_seed(0)
    return I3D().eval()


def test_i3d_has_the_size_and_the_strides_of_the_published_network(i3d: I3D) -> None:
    # Table 1 of the paper has 25 M for two streams, each with a last layer of 1024 x 400 weights and 400 biases.
    assert round(2 * (sum(p.numel() for p in i3d.parameters()) + 1024 * 400 + 400) / 1e6) == 25
    with torch.no_grad():
        taps = i3d(torch.rand(1, 3, 10, 64, 72))
    assert [tuple(tap.shape[1:]) for tap in taps] == [
        (192, 5, 16, 18),
        (480, 5, 8, 9),
        (832, 3, 4, 5),
        (1024, 2, 2, 3),
    ]


@pytest.mark.parametrize("size", [7, 8, 9, 10])
def test_same_padding_is_tensorflows(size: int) -> None:
    for kernel, stride in ((7, 2), (3, 2), (2, 2), (3, 1), (1, 1)):
        padded = pad_same(torch.ones(1, 1, 1, 1, size), (1, 1, kernel), (1, 1, stride))
        outputs = F.max_pool3d(padded, (1, 1, kernel), (1, 1, stride)).shape[-1]
        assert outputs == -(-size // stride)
        wanted = kernel - (stride if size % stride == 0 else size % stride)
        assert padded.shape[-1] - size == max(wanted, 0)


def test_pvcs_loads_the_published_layout_and_scores_windows(photos: Tensor, i3d: I3D, hub: Path) -> None:
    published = {**i3d.state_dict(), "logits.conv3d.weight": torch.zeros(400, 1024, 1, 1, 1)}
    torch.save(published, hub / "rgb_imagenet.pt")
    target = torch.stack([photos[0, :, 40 + t : 104 + t, 40:104] for t in range(12)])
    sample = Sample(target, target[:1], target)
    metric = PVCS()
    assert metric(target, sample).tolist() == pytest.approx([0, 0, 0], abs=1e-9)
    scores = metric((target + 0.2).clamp(0, 1), sample)
    assert scores.shape == (3,)
    assert scores.min() > 0
    short = Sample(target[:4], target[:1], target[:4])
    assert metric((target[:4] + 0.2).clamp(0, 1), short).shape == (1,)


def test_pvcs_without_its_network_says_how_to_get_it(photos: Tensor, hub: Path) -> None:
    with pytest.raises(MissingWeights, match=r"pytorch-i3d/raw/master/models/rgb_imagenet\.pt"):
        PVCS()(photos, sample_of(photos))
