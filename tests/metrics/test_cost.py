"""What a call costs: operations in closed form, time against a sleep, memory against a known block."""

from __future__ import annotations

import sys
import time

import pytest
import torch
from torch import Tensor, nn

from lutgrade.metrics.cost import FLOPs, PeakMemory, TimePerFrame


def test_flops_of_a_convolution_and_a_product() -> None:
    layer, frames = nn.Conv2d(3, 8, 5, padding=2), torch.rand(4, 3, 20, 30)
    convolution = 2 * 8 * 3 * 25 * 20 * 30  # a multiplication and an addition per tap
    assert FLOPs()(lambda: layer(frames)) == pytest.approx(convolution / 1e9)
    matrix = torch.rand(30, 7)
    assert FLOPs()(lambda: frames @ matrix) == pytest.approx(2 * 3 * 20 * 30 * 7 / 1e9)


def test_time_per_frame_of_a_sleep() -> None:
    calls = []

    def grade() -> Tensor:
        calls.append(time.sleep(0.02))
        return torch.zeros(4, 3, 1, 1)

    assert 5 <= TimePerFrame(repeats=3)(grade) < 15
    assert len(calls) == 4  # one to warm up


@pytest.mark.skipif(sys.platform != "linux", reason="the process's peak memory is read from /proc")
def test_peak_memory_sees_what_is_freed_again(device: torch.device) -> None:
    def grade() -> Tensor:
        held = torch.ones(50_000_000, dtype=torch.uint8, device=device)
        return held[:12].view(4, 3, 1, 1).clone()

    assert 45 < PeakMemory(str(device))(grade) < 80
    assert 45 < PeakMemory()(grade) < 80  # of the device where the frames lie
