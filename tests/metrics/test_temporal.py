"""The warp error and warped LPIPS on motion that is known, against the formula, and on a real clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.metrics.flow import DISFlow
from lutgrade.metrics.temporal import WarpedLPIPS, WarpError, pairs
from lutgrade.protocols import Sample
from lutgrade.weights import RAFT, MissingWeights

SPEED = 2


class KnownFlow:
    """The motion of `moving`: to the left, by as many pixels as the later frame is later."""

    name = "known"

    def __init__(self, frames: int) -> None:
        self.pixels, self.forward = float(SPEED * frames), True

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        flow = torch.zeros(1, 2, *first.shape[-2:])
        flow[:, 0] = -self.pixels if self.forward else self.pixels
        self.forward = not self.forward
        return flow


@pytest.fixture(scope="module")
def moving(photos: Tensor) -> Tensor:
    """A window of 96x128 that glides over a photograph, [7, 3, 96, 128]."""
    return torch.stack([photos[0, :, 60:156, 40 + SPEED * t : 168 + SPEED * t] for t in range(7)])


def sample_of(frames: Tensor) -> Sample:
    return Sample(frames, frames[:1], name="clip")


@pytest.mark.parametrize("stride", [1, 3])
def test_a_still_grade_of_known_motion_has_no_error(moving: Tensor, stride: int) -> None:
    errors = WarpError(stride, KnownFlow(stride))(moving**1.5, sample_of(moving))
    assert errors.shape == (6 // stride,)
    assert errors.max() < 1e-9


def test_flicker_is_its_squared_size(moving: Tensor) -> None:
    flicker = 0.05 * torch.tensor([0, 1, 0, 1, 0, 1, 0]).view(7, 1, 1, 1)
    errors = WarpError(1, KnownFlow(1))(moving + flicker, sample_of(moving))
    assert errors.tolist() == pytest.approx([0.05**2] * 6, rel=1e-3)


def test_warp_error_agrees_with_its_formula_in_numpy(moving: Tensor) -> None:
    import cv2

    graded = (moving + 0.1 * torch.rand(moving.shape, generator=torch.manual_seed(0))).clamp(0, 1)
    a, b = moving[:1], moving[1:2]
    forward = DISFlow()(a, b)[0].movedim(0, -1).numpy()
    backward = DISFlow()(b, a)[0].movedim(0, -1).numpy()
    x, y = np.meshgrid(np.arange(128, dtype=np.float32), np.arange(96, dtype=np.float32))
    there = (x + forward[..., 0], y + forward[..., 1])
    returned = cv2.remap(backward, *there, cv2.INTER_LINEAR)
    bound = 0.01 * ((forward**2).sum(-1) + (returned**2).sum(-1)) + 0.5
    occluded = ((forward + returned) ** 2).sum(-1) > bound
    across, down = np.zeros_like(forward), np.zeros_like(forward)
    across[:, :-1], down[:-1] = np.diff(forward, axis=1), np.diff(forward, axis=0)
    occluded |= (across**2 + down**2).sum(-1) > 0.01 * (forward**2).sum(-1) + 0.002
    occluded |= (there[0] < 0) | (there[0] > 127) | (there[1] < 0) | (there[1] > 95)
    warped = cv2.remap(graded[1].movedim(0, -1).numpy(), *there, cv2.INTER_LINEAR)
    expected = ((graded[0].movedim(0, -1).numpy() - warped) ** 2)[~occluded].mean()
    assert WarpError(1, DISFlow())(graded[:2], sample_of(moving[:2])).item() == pytest.approx(expected, rel=0.02)


def test_the_note_says_which_flow(moving: Tensor, hub: Path) -> None:
    assert WarpError().note == "flow: DIS"
    assert WarpedLPIPS(35).name == "warped LPIPS @35"
    (hub / RAFT.file).touch()
    assert WarpedLPIPS(5).note == "flow: RAFT"


def test_warped_lpips_sees_flicker_along_the_motion(moving: Tensor, alexnet: Path) -> None:
    flicker = 0.2 * torch.tensor([0, 1, 0, 1, 0, 1, 0]).view(7, 1, 1, 1)
    still = WarpedLPIPS(3, KnownFlow(3))(moving, sample_of(moving))
    flickering = WarpedLPIPS(3, KnownFlow(3))((moving + flicker).clamp(0, 1), sample_of(moving))
    assert still.shape == (2,)
    assert still.max() < 1e-4
    assert flickering.min() > 10 * still.max()


def test_warped_lpips_without_its_trunk_says_how_to_get_it(moving: Tensor, hub: Path) -> None:
    with pytest.raises(MissingWeights, match="alexnet"):
        WarpedLPIPS(1)(moving, sample_of(moving))


@given(st.integers(2, 200), st.integers(1, 60))
def test_pairs_follow_one_another_and_stay_in_the_clip(length: int, stride: int) -> None:
    if length <= stride:
        with pytest.raises(InputError, match=f"a stride of {stride}"):
            pairs(length, stride)
        return
    found = pairs(length, stride)
    assert len(found) == (length - 1) // stride
    assert found[0][0] == 0
    assert all(second - first == stride and second < length for first, second in found)
    assert [second for _, second in found[:-1]] == [first for first, _ in found[1:]]


def test_frames_of_another_size_are_refused(moving: Tensor) -> None:
    with pytest.raises(InputError, match="the input of 'clip'"):
        WarpError()(moving[..., 1:], sample_of(moving))
    with pytest.raises(InputError, match="at least 1"):
        WarpError(0)


def test_a_flickering_grade_of_a_real_clip_scores_worse(data_dir: Path) -> None:
    from PIL import Image

    clip = sorted((data_dir / "davis" / "JPEGImages" / "480p").iterdir())[0]
    images = [Image.open(path).convert("RGB").resize((214, 120)) for path in sorted(clip.glob("*.jpg"))[:4]]
    frames = torch.stack([torch.from_numpy(np.array(image)).movedim(-1, 0) for image in images]).float() / 255
    flicker = torch.tensor([1.0, 1.3, 1.0, 1.3]).view(4, 1, 1, 1)
    sample, metric = sample_of(frames), WarpError(flow=DISFlow())
    assert metric(frames**flicker, sample).mean() > 2 * metric(frames**1.15, sample).mean()
