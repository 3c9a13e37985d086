"""The operators as torch knows them: schemas, kernels per device, fake kernels, autograd.

`lutgrade::lut3d` and `lutgrade::lut3d_backward` take images `[B, 3, H, W]` and tables `[1 or B, 3, S, S, S]`. Neither
depends on autocast: the result has the image's dtype, and the arithmetic is float32 or wider whatever comes in.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lutgrade.errors import LutgradeError
from lutgrade.ops import cpu

_library = torch.library.Library("lutgrade", "DEF")
_library.define("lut3d(Tensor image, Tensor table, str interpolation) -> Tensor", tags=(torch.Tag.pt2_compliant_tag,))
_library.define(
    "lut3d_backward(Tensor grad, Tensor image, Tensor table, str interpolation, bool need_image, bool need_table)"
    " -> (Tensor, Tensor)",
    tags=(torch.Tag.pt2_compliant_tag,),
)


def _forward_cuda(image: Tensor, table: Tensor, interpolation: str) -> Tensor:
    from lutgrade.ops import cuda

    return cuda.forward(image, table, interpolation)


def _backward_cpu(
    grad: Tensor, image: Tensor, table: Tensor, interpolation: str, need_image: bool, need_table: bool
) -> tuple[Tensor, Tensor]:
    gradients = cpu.backward(grad, image, table, interpolation, need_image, need_table)
    return _present(image, gradients[0]), _present(table, gradients[1])


def _backward_cuda(
    grad: Tensor, image: Tensor, table: Tensor, interpolation: str, need_image: bool, need_table: bool
) -> tuple[Tensor, Tensor]:
    from lutgrade.ops import cuda

    deterministic = torch.are_deterministic_algorithms_enabled()
    gradients = cuda.backward(grad, image, table, interpolation, need_image, need_table, deterministic)
    return _present(image, gradients[0]), _present(table, gradients[1])


def _present(like: Tensor, gradient: Tensor | None) -> Tensor:
    """An operator returns tensors, so an empty one stands for a gradient that was not asked for."""
    return like.new_empty(0) if gradient is None else gradient


def _forward_fake(image: Tensor, table: Tensor, interpolation: str) -> Tensor:
    return torch.empty_like(image)


def _backward_fake(
    grad: Tensor, image: Tensor, table: Tensor, interpolation: str, need_image: bool, need_table: bool
) -> tuple[Tensor, Tensor]:
    return (
        torch.empty_like(image) if need_image else image.new_empty(0),
        table.new_empty(table.shape) if need_table else table.new_empty(0),
    )


def _setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, str], output: Tensor) -> None:
    image, table, ctx.interpolation = inputs
    ctx.save_for_backward(image, table)


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    image, table = ctx.saved_tensors
    need_image, need_table = ctx.needs_input_grad[:2]
    by_image, by_table = torch.ops.lutgrade.lut3d_backward.default(
        grad, image, table, ctx.interpolation, need_image, need_table
    )
    return by_image if need_image else None, by_table if need_table else None, None


def _refuse(ctx: Any, *grads: Tensor) -> None:
    raise LutgradeError("apply_lut has first derivatives only; do not differentiate its gradient (create_graph)")


_library.impl("lut3d", cpu.forward, "CPU")
_library.impl("lut3d", _forward_cuda, "CUDA")
_library.impl("lut3d_backward", _backward_cpu, "CPU")
_library.impl("lut3d_backward", _backward_cuda, "CUDA")
torch.library.register_fake("lutgrade::lut3d", _forward_fake, lib=_library)
torch.library.register_fake("lutgrade::lut3d_backward", _backward_fake, lib=_library)
torch.library.register_autograd("lutgrade::lut3d", _differentiate, setup_context=_setup_context, lib=_library)
torch.library.register_autograd("lutgrade::lut3d_backward", _refuse, lib=_library)

lut3d = torch.ops.lutgrade.lut3d.default
