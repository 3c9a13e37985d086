"""How a step is executed: choices of speed, memory and determinism that change its result by rounding at most."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from lutgrade.errors import InputError


def checkpoint_gradients(model: nn.Module) -> None:
    """Calls the model's `enable_gradient_checkpointing()`; an InputError where it has none."""
    enable = getattr(model, "enable_gradient_checkpointing", None)
    if enable is None:
        raise InputError(
            f"{type(model).__name__} has no gradient checkpointing; leave trainer.gradient_checkpointing off"
        )
    enable()


def channels_last(model: nn.Module) -> None:
    """Lays the weights of the 2-D convolutions out channel by channel, in place; their outputs follow."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@contextmanager
def executing(*, deterministic: bool, fused_attention: bool) -> Iterator[None]:
    """Within the block, only deterministic algorithms, and no fused attention, where so asked for."""
    before = torch.are_deterministic_algorithms_enabled()
    with ExitStack() as stack:
        if deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
            stack.callback(torch.use_deterministic_algorithms, before)
            torch.use_deterministic_algorithms(True)
        if not fused_attention:
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield
