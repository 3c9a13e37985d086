"""Warping against OpenCV, the trusted pixels on known motion, DIS on a shift, and RAFT's loading."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from lutgrade.metrics.flow import DISFlow, RAFTFlow, best_flow, visible, warp
from lutgrade.weights import RAFT, MissingWeights


def constant_flow(x: float, y: float, height: int = 40, width: int = 50) -> Tensor:
    return torch.tensor([x, y], dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, height, width)


def test_warp_agrees_with_opencv(photos: Tensor) -> None:
    frame = photos[:1, :, :64, :80]
    flow = 6 * torch.nn.functional.interpolate(torch.randn(1, 2, 4, 5, generator=torch.manual_seed(0)), (64, 80))
    x, y = np.meshgrid(np.arange(80), np.arange(64))
    maps = [(grid + offset).astype(np.float32) for grid, offset in zip((x, y), flow[0].numpy(), strict=True)]
    expected = cv2.remap(frame[0].movedim(0, -1).numpy(), *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    ours = warp(frame, flow)[0].movedim(0, -1).numpy()
    assert np.abs(ours - expected).mean() < 1e-3  # OpenCV rounds positions to 1/32 of a pixel
    assert np.abs(ours - expected).max() < 0.05


def test_warp_follows_whole_pixels(photos: Tensor, device: torch.device) -> None:
    frame = photos[:1].to(device)
    flow = torch.tensor([3.0, -2.0], device=device).view(1, 2, 1, 1).expand(1, 2, *frame.shape[-2:])
    torch.testing.assert_close(warp(frame, flow)[..., 2:, :-3], frame[..., :-2, 3:], atol=1e-4, rtol=0)


def test_what_moves_out_of_the_frame_is_not_trusted() -> None:
    trusted = visible(constant_flow(5, 0), constant_flow(-5, 0))[0, 0]
    assert trusted[:, :45].all()
    assert not trusted[:, 45:].any()


def test_a_flow_that_does_not_return_is_not_trusted() -> None:
    assert not visible(constant_flow(5, 0), constant_flow(0, 0)).any()
    assert visible(constant_flow(0, 0), constant_flow(0, 0)).all()


def test_motion_boundaries_are_not_trusted() -> None:
    forward = constant_flow(0, 0).clone()
    forward[..., 25:] = 1.0
    trusted = visible(forward, torch.zeros_like(forward))[0, 0]
    assert not trusted[:, 24].any()
    assert trusted[:, :24].all()


def test_dis_finds_a_shift(photos: Tensor) -> None:
    first, second = photos[:, :, 8:-8, 8:-8], photos[:, :, 10:-6, 5:-11]  # the content moves by (3, -2)
    flow = DISFlow()(first, second)
    inner = flow[..., 30:-30, 30:-30]
    assert inner[:, 0].median().item() == pytest.approx(3, abs=0.2)
    assert inner[:, 1].median().item() == pytest.approx(-2, abs=0.2)
    assert visible(flow, DISFlow()(second, first)).float().mean() > 0.5


def test_the_best_flow_is_raft_where_its_weights_are(hub: Path) -> None:
    assert best_flow().name == "DIS"
    (hub / RAFT.file).touch()
    assert best_flow().name == "RAFT"


def test_raft_without_weights_says_how_to_get_them(photos: Tensor, hub: Path) -> None:
    with pytest.raises(MissingWeights, match="raft_large_C_T_SKHT_V2"):
        RAFTFlow()(photos, photos)


def test_raft_loads_and_keeps_the_frames_size(photos: Tensor, hub: Path) -> None:
    from torchvision.models.optical_flow import raft_large

    torch.manual_seed(0)
    network = raft_large().eval()
    torch.save(network.state_dict(), hub / RAFT.file)
    a, b = photos[:1, :, :128, :128], photos[1:, :, :128, :128]
    with torch.no_grad():
        expected = network(2 * a - 1, 2 * b - 1, num_flow_updates=12)[-1]
    flow = RAFTFlow()
    torch.testing.assert_close(flow(a, b), expected)
    assert flow(a[..., :100, :99], b[..., :100, :99]).shape == (1, 2, 100, 99)
