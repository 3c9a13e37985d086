"""The LUT operator on CUDA devices: lays out what the Triton kernels read and launches them.

Importing this module imports Triton; a kernel compiles at its first call, in about a second, and Triton keeps it on
disk. Nothing is tuned at run time. The launch shapes follow from instruction and register counts for `sm_90`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lutgrade.ops.cuda_kernels import backward_kernel, forward_kernel

WARPS = 4
# Four pixels a thread share the cost of finding the block (about 80 instructions) and keep 16 or 32 node loads in
# flight, in 42 to 56 registers. Backward takes one a thread: four would need 128 registers and more for both gradients.
FORWARD_BLOCK = 512
BACKWARD_BLOCK = 128

MOST_COPIES = 32  # one for every thread of a warp
CACHED_NODES = 2**21  # 32 MiB of float sums stay in the second-level cache (40 MiB on an A100, 50 to 60 on Hopper)


def forward(image: Tensor, table: Tensor, interpolation: str) -> Tensor:
    """Grades images.

    Args:
        image: `[B, 3, H, W]`, uint8, uint16, float16, bfloat16, float32 or float64, of any strides.
        table: `[Bt, 3, S, S, S]` (channel, blue, green, red) on the image's device; `Bt` is 1 or `B`.
        interpolation: "trilinear" or "tetrahedral".

    Returns:
        The graded images, in the image's dtype and memory format.
    """
    out = torch.empty_like(image)
    if image.numel() == 0:
        return out
    lines, width, strides = _lines(out, image)
    blocks = -(-width // FORWARD_BLOCK)
    with torch.cuda.device_of(image):
        forward_kernel[(image.shape[0] * lines * blocks,)](
            out,
            image,
            _pack(table, _accumulator(image)),
            *strides,
            table.shape[0],
            lines,
            blocks,
            width,
            table.shape[-1],
            PEAK=_peak(image),
            TETRAHEDRAL=interpolation == "tetrahedral",
            BLOCK=FORWARD_BLOCK,
            num_warps=WARPS,
        )
    return out


def backward(
    grad: Tensor,
    image: Tensor,
    table: Tensor,
    interpolation: str,
    need_image: bool,
    need_table: bool,
    deterministic: bool,
) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of `forward`.

    Args:
        grad: the gradient of its result, shaped as the image, of any strides.
        image, table, interpolation: what it was given.
        need_image, need_table: which gradients to return.
        deterministic: adds the table's gradient in 64-bit integers, whose sum no order can change. A pixel's share
            is then rounded to a step that leaves room for all pixels of a table: 2**-39 of the largest gradient for
            8 million of them. Where a gradient is not finite, its table's whole gradient is NaN.

    Returns:
        The gradients of image and table, each in the dtype of what it belongs to; None where not needed.
    """
    image_grad = torch.empty_like(image) if need_image else None
    if image.numel() == 0 or not (need_image or need_table):
        return image_grad, torch.zeros_like(table) if need_table else None
    with torch.cuda.device_of(image):
        sums = scale = None
        copies = 1
        if need_table:
            copies = _copies(image, table)
            nodes = table[0, 0].numel()
            dtype = torch.int64 if deterministic else _accumulator(image)
            sums = image.new_zeros((table.shape[0], nodes, copies, 4), dtype=dtype)
            scale = _fixed_point_scale(grad, table.shape[0]) if deterministic else None
        _launch_backward(image_grad, sums, scale, grad, image, table, interpolation, copies)
        return image_grad, None if sums is None else _table_grad(sums, scale, table)


def _launch_backward(
    image_grad: Tensor | None,
    sums: Tensor | None,  # [Bt, nodes, copies, 4]
    scale: Tensor | None,  # [Bt]
    grad: Tensor,
    image: Tensor,
    table: Tensor,
    interpolation: str,
    copies: int,
) -> None:
    target = image if image_grad is None else image_grad  # strides of an absent gradient are not read
    lines, width, strides = _lines(target, grad, image)
    blocks = -(-width // BACKWARD_BLOCK)
    backward_kernel[(image.shape[0] * lines * blocks,)](
        image_grad,
        sums,
        scale,
        grad,
        image,
        _pack(table, _accumulator(image)),
        *strides,
        table.shape[0],
        lines,
        blocks,
        width,
        table.shape[-1],
        copies,
        PEAK=_peak(image),
        TETRAHEDRAL=interpolation == "tetrahedral",
        NEED_IMAGE=image_grad is not None,
        NEED_TABLE=sums is not None,
        FIXED_POINT=scale is not None,
        BLOCK=BACKWARD_BLOCK,
        num_warps=WARPS,
    )


def _accumulator(image: Tensor) -> torch.dtype:
    return torch.float64 if image.dtype == torch.float64 else torch.float32


def _peak(image: Tensor) -> int:
    return 1 if image.dtype.is_floating_point else torch.iinfo(image.dtype).max


def _pack(table: Tensor, dtype: torch.dtype) -> Tensor:
    """`[Bt, 3, S, S, S]` to `[Bt, nodes, 4]`: a node's colour in 16 bytes (32 in double precision)."""
    return functional.pad(table.to(dtype).flatten(2).transpose(1, 2), (0, 1)).contiguous()


def _lines(*images: Tensor) -> tuple[int, int, list[tuple[int, int, int] | int]]:
    """Images of one shape as lines of evenly spaced pixels: lines in an image, their width, and for each of the
    arguments its strides (image, channel, line) and its step from pixel to pixel, one after the other.

    An image is one line where height and width share a stride in all of the arguments.
    """
    height, width = images[0].shape[-2:]
    strides = [image.stride() for image in images]
    if width == 1:
        strides = [(b, c, 0, y) for b, c, y, _ in strides]
    if height == 1 or width == 1 or all(y == width * x for _, _, y, x in strides):
        height, width = 1, height * width
    return height, width, [part for b, c, y, x in strides for part in ((b, c, y), x)]


def _copies(image: Tensor, table: Tensor) -> int:
    """How many sums to keep for each node, a power of two.

    More of them spread the pixels that meet in a node. Fewer are cleared and added up: no more than the pixels write,
    at eight corners each, and no more than the cache holds.
    """
    pixels = image.numel() // (3 * table.shape[0])
    nodes = table[0, 0].numel()
    most = min(MOST_COPIES, 4 * pixels // nodes, CACHED_NODES // nodes)
    return 1 << max(0, most.bit_length() - 1)


def _fixed_point_scale(grad: Tensor, tables: int) -> Tensor:
    """What stands for a gradient of 1 in the integer sums `[Bt]`: the largest power of two that cannot overflow."""
    largest = torch.linalg.vector_norm(grad, torch.inf, dim=(1, 2, 3)).double()  # [B]
    if tables == 1:
        largest = largest.amax(dim=0, keepdim=True)
    pixels = grad.numel() // (3 * tables)
    # largest < 2 ** exponent; the limit keeps the scale itself finite
    exponent = torch.frexp(largest).exponent.clamp(min=-900)
    scale = torch.ldexp(torch.ones_like(largest), 62 - (pixels - 1).bit_length() - exponent)
    return scale.where(largest.isfinite(), torch.nan)


def _table_grad(sums: Tensor, scale: Tensor | None, table: Tensor) -> Tensor:
    """Adds up the copies and unpacks the nodes, to the table's shape and dtype."""
    total = sums.sum(dim=2)[..., :3]  # [Bt, nodes, 3]
    if scale is not None:
        total = total.double() / scale[:, None, None]
    return total.transpose(1, 2).reshape(table.shape).to(table.dtype)
