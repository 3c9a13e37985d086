"""What a call costs: operations in closed form, time against a sleep, memory against a known block."""

from __future__ import annotations

import sys
import time

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from lutgrade.metrics.cost import FLOPs, PeakMemory, TimePerFrame, operation_counter


def test_flops_of_a_convolution_and_a_product() -> None:
    layer, frames = nn.Conv2d(3, 8, 5, padding=2), torch.rand(4, 3, 20, 30)
    convolution = 2 * 8 * 3 * 25 * 20 * 30  # a multiplication and an addition per tap
    assert FLOPs()(lambda: layer(frames)) == pytest.approx(convolution / 1e9)
    matrix = torch.rand(30, 7)
    assert FLOPs()(lambda: frames @ matrix) == pytest.approx(2 * 3 * 20 * 30 * 7 / 1e9)


def test_fused_attention_is_counted_on_the_cpu_too() -> None:
    query, keys = torch.randn(2, 3, 8, 16, requires_grad=True), torch.randn(2, 3, 24, 16, requires_grad=True)
    counts = []
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.MATH):
        with sdpa_kernel(backend), operation_counter() as counter:
            graded = scaled_dot_product_attention(query, keys, keys)
            forward = counter.get_total_flops()
            graded.sum().backward()
        counts.append((forward, counter.get_total_flops()))
    (fused, fused_all), (parts, parts_all) = counts
    assert fused == parts == 4 * 2 * 3 * 8 * 24 * 16
    assert fused_all == parts_all * 7 // 6  # the scores once more


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
