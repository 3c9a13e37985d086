"""What grading costs: floating-point operations, time and memory, of a call that grades a clip."""

from __future__ import annotations

import ctypes
import gc
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from lutgrade.errors import LutgradeError

if TYPE_CHECKING:
    from torch.utils.flop_counter import FlopCounterMode

Grade = Callable[[], Tensor]  # grades a clip and returns it, [T, 3, H, W]

MEGA, GIGA = 1e6, 1e9


class CostMetric(Protocol):
    """A score of a method rather than of its frames: it calls `grade`, and measures."""

    name: str
    unit: str
    lower_is_better: bool

    def __call__(self, grade: Grade) -> float: ...


class FLOPs:
    """Floating-point operations a frame, in units of 10^9: an addition and a multiplication are two.

    Counted by torch's FlopCounterMode: matrix products, convolutions and attention. Elementwise work and table lookups
    are not counted. Papers often print multiply-accumulates under this name, half of it.
    """

    name = "FLOPs"
    unit = "G"
    lower_is_better = True

    def __call__(self, grade: Grade) -> float:
        with operation_counter() as counter:
            frames = len(grade())
        return counter.get_total_flops() / frames / GIGA


def operation_counter() -> FlopCounterMode:
    """torch's counter of floating-point operations, which is told of fused attention on the CPU too."""
    from torch.utils.flop_counter import FlopCounterMode

    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
    return FlopCounterMode(display=False, custom_mapping={fused: _attention, backward: _attention_backward})


def _attention(query: Sequence[int], key: Sequence[int], *_: object, out_shape: object = None, **__: object) -> int:
    """Operations of attention of `[B, heads, N, D]` over `[B, heads, M, D]`: two products."""
    return 4 * math.prod(query) * key[-2]


def _attention_backward(_: object, query: Sequence[int], key: Sequence[int], *__: object, **___: object) -> int:
    """Five products, the scores being made anew; as torch counts those of CUDA."""
    return 10 * math.prod(query) * key[-2]


class TimePerFrame:
    """Wall-clock milliseconds a frame: the median of several calls after one to warm up, the device waited for.

    It covers all that `grade` does, the prediction of the grade included, and no reading or writing of files.
    """

    name = "time per frame"
    unit = "ms"
    lower_is_better = True

    def __init__(self, repeats: int = 3) -> None:
        self.repeats = repeats

    def __call__(self, grade: Grade) -> float:
        frames = len(grade())
        return median(_seconds(grade) for _ in range(self.repeats)) / frames * 1000


class PeakMemory:
    """The most memory held during a call over what was held before it, in 10^6 bytes.

    On CUDA that of torch's allocator; on the CPU that of the process (its resident set, on Linux alone).

    Args:
        device: whose memory; None is that of the device where a first call puts its frames.
    """

    name = "peak memory"
    unit = "MB"
    lower_is_better = True

    def __init__(self, device: str | None = None) -> None:
        self.device = device

    def __call__(self, grade: Grade) -> float:
        device = grade().device if self.device is None else torch.device(self.device)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
            before = torch.cuda.memory_allocated(device)
            grade()
            torch.cuda.synchronize(device)
            return (torch.cuda.max_memory_allocated(device) - before) / MEGA
        _reset_peak()
        before = _status("VmRSS")
        grade()
        return max(_status("VmHWM") - before, 0) / MEGA


def _seconds(grade: Grade) -> float:
    _synchronize()
    start = time.perf_counter()
    grade()
    _synchronize()
    return time.perf_counter() - start


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _reset_peak() -> None:
    """Sets the process's peak resident set to what it holds now (proc(5), clear_refs)."""
    gc.collect()
    with suppress(AttributeError):  # glibc alone has it: freed memory that the process keeps would hide the peak
        ctypes.CDLL(None).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError as error:
        raise LutgradeError("the peak memory of a process can be measured on Linux alone, or on CUDA") from error


def _status(field: str) -> int:
    """A field of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LutgradeError(f"/proc/self/status has no {field}")
