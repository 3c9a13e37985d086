"""What a training step costs: operations, time and memory; and an optimiser that keeps no gradients."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from lutgrade.metrics.cost import operation_counter
from lutgrade.protocols import Sample
from lutgrade.training.stepper import Stepper

SIDES = {"cpu": 1024, "cuda": 8192}  # of the matrices that a device's rate is measured with
ADAMW = 16  # bytes a trained parameter takes in float32: itself, its gradient, and two moments


class InBackward(torch.optim.Optimizer):
    """Stochastic gradient descent inside the backward pass: a gradient is used and dropped as soon as it is there.

    What is left for `step` is nothing; gradients of several backward passes cannot be summed, or clipped together.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.register_post_accumulate_grad_hook(self._update)

    @torch.no_grad()
    def _update(self, parameter: Tensor) -> None:
        assert parameter.grad is not None
        parameter.add_(parameter.grad, alpha=-self.param_groups[0]["lr"])
        parameter.grad = None

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Nothing: every gradient has been used."""


def step_cost(stepper: Stepper, batch: Sample, steps: int) -> dict[str, Any]:
    """Of `steps` on one batch: seconds of the first and (medians) of the later ones, and the operations of the first.

    The operations are those of matrix products, convolutions and attention, as executed: a gradient checkpoint's
    second forward pass counts. An addition and a multiplication are two.
    """
    device, wall, cpu, losses = stepper.accelerator.device, [], [], []
    counter = operation_counter()
    for step in range(steps):
        begun = time.perf_counter(), time.process_time()
        if step == 0:
            with counter:
                values = stepper.step([batch], 1, 1.0)
        else:
            values = stepper.step([batch], 1, 1.0)
        synchronise(device)
        wall.append(time.perf_counter() - begun[0])
        cpu.append(time.process_time() - begun[1])
        losses.append(values["loss"])
    later = {"later_s": median(wall[1:]), "later_cpu_s": median(cpu[1:])} if steps > 1 else {}
    return {
        "first_s": wall[0],
        "first_cpu_s": cpu[0],
        **later,
        "flops": counter.get_total_flops(),
        "losses": losses,
    }


@cache
def matrix_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Operations a second of a large product of matrices: on a CPU, a second of CPU time of all its threads."""
    side, clock = SIDES[device.type], time.process_time if device.type == "cpu" else time.perf_counter
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    rates = []
    for _ in range(6):
        synchronise(device)
        begun = clock()
        for _ in range(4):
            left @ right
        synchronise(device)
        rates.append(4 * 2 * side**3 / (clock() - begun))
    return median(rates[1:])


def synchronise(device: torch.device) -> None:
    """Waits for a CUDA device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_memory(device: torch.device) -> Callable[[], int]:
    """What tells, when called, the most bytes held since now beside those held now.

    On CUDA those of torch's allocator, on a CPU (Linux alone) those of the process.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        return lambda: torch.cuda.max_memory_allocated(device) - before
    Path("/proc/self/clear_refs").write_text("5")  # the peak becomes what is held now (proc(5))
    before = _status("VmRSS")
    return lambda: _status("VmHWM") - before


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def free_memory(device: torch.device) -> int:
    """Bytes that a program could still take, of the device's memory or (on Linux) of the machine's."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def state_bytes(model: nn.Module) -> int:
    """What training a model in float32 with AdamW takes, its activations apart."""
    return sum((ADAMW if p.requires_grad else 4) * p.numel() for p in model.parameters())
