"""The Triton kernels of the LUT operator.

A table is packed to four values a node: red, green, blue and padding. A node is then one row of a `[BLOCK, 4]` block
of pointers, which Triton reads as one 16-byte load a thread. A program grades `BLOCK` pixels of one line of one image.
A line is a whole image where its height and width share one stride (contiguous and channels-last), else a row of it,
so that no pixel costs a division.

Strides are tuples (image, channel, line), and steps lead from pixel to pixel, all in elements. Offsets into images,
and to an image's table or sums, are 64-bit; those inside one table or its sums stay under 2 ** 24.
"""

# Kernels have no annotations: Triton reads those of its own.
# mypy: allow-untyped-defs

from __future__ import annotations

import triton
import triton.language as tl

# Not specialised for 1 and for multiples of 16. That spares compilations. And a step known to be 1 would make Triton
# load the image in vectors, several pixels to a thread, and pass each value through shared memory to the thread that
# holds its node. A pixel to a thread, of the image as of the nodes, needs none, and a warp still reads whole sectors.
UNSPECIALIZED = ["tables", "lines", "blocks", "width", "size", "copies"]
UNSPECIALIZED += ["out_step", "image_step", "image_grad_step", "grad_step"]


@triton.jit
def _locate_block(lines, blocks, width, BLOCK: tl.constexpr):
    """This program's image, line and first pixel, its pixels' places behind that, and which of them exist."""
    program = tl.program_id(0)
    line = program // blocks
    first = (program % blocks).to(tl.int64) * BLOCK
    lane = tl.arange(0, BLOCK)
    return (line // lines).to(tl.int64), (line % lines).to(tl.int64), first, lane, lane < width - first


@triton.jit
def _pointers(pointer, strides, step, image, line, first, lane):
    """Pointers to the first channel of the block's pixels."""
    return pointer + (image * strides[0] + line * strides[2] + first * step) + lane.to(tl.int64) * step


@triton.jit
def _load_rgb(pointers, channel_stride, exists):
    """Red, green and blue of the pixels, `[BLOCK]` each; 0 where a pixel does not exist."""
    red = tl.load(pointers, mask=exists, other=0)
    pointers += channel_stride  # step by step, as twice the stride may not fit the stride's own 32 bits
    green = tl.load(pointers, mask=exists, other=0)
    pointers += channel_stride
    return red, green, tl.load(pointers, mask=exists, other=0)


@triton.jit
def _store_rgb(pointers, channel_stride, exists, red, green, blue):
    dtype: tl.constexpr = pointers.dtype.element_ty
    tl.store(pointers, red.to(dtype), mask=exists)
    pointers += channel_stride
    tl.store(pointers, green.to(dtype), mask=exists)
    pointers += channel_stride
    tl.store(pointers, blue.to(dtype), mask=exists)


@triton.jit
def _join_rgb(red, green, blue):
    """Three `[BLOCK]` to `[BLOCK, 4]` (red, green, blue, 0); selects of constants, so it costs nothing."""
    column = tl.arange(0, 4)[None, :]
    low = tl.where(column == 0, red[:, None], green[:, None])
    return tl.where(column < 2, low, tl.where(column == 2, blue[:, None], 0))


@triton.jit
def _split_rgb(value, BLOCK: tl.constexpr):
    """`[BLOCK, 4]` to its first three columns, `[BLOCK]` each, within a thread's registers."""
    even, odd = tl.split(tl.reshape(value, (BLOCK, 2, 2)))
    red, blue = tl.split(even)
    green, _ = tl.split(odd)
    return red, green, blue


@triton.jit
def _locate(x, size, accumulator: tl.constexpr, PEAK: tl.constexpr):
    """The lower node along one axis and the fraction above it; 1 is fraction 1 of the last cell, NaN is 0."""
    if PEAK == 1:
        x = x.to(accumulator)
        x = tl.where(x > 0, x, 0)
        position = tl.where(x < 1, x, 1) * (size - 1)
        node = tl.minimum(position.to(tl.int32), size - 2)
        fraction = position - node
    else:
        position = x.to(tl.int32) * (size - 1)  # integers find their cell exactly, and without a true division
        node = tl.minimum(position // PEAK, size - 2)
        fraction = (position - node * PEAK).to(accumulator) * (1 / PEAK)
    return node, fraction


@triton.jit
def _quantize(x, PEAK: tl.constexpr):
    """A graded value in units of the image's type: itself, or clamped and ready to truncate to the nearest."""
    if PEAK != 1:
        x = tl.minimum(tl.maximum(x, 0), 1) * PEAK + 0.5
    return x


@triton.jit
def _trilinear_corner(k: tl.constexpr, red, green, blue, size):
    """Corner k (bits: blue, green, red): its node's offset in the cell, weight, and the weight's slopes."""
    offset = ((k >> 2) * size + ((k >> 1) & 1)) * size + (k & 1)
    r = red if k & 1 else 1 - red
    g = green if k & 2 else 1 - green
    b = blue if k & 4 else 1 - blue
    gb = g * b
    return offset, r * gb, gb if k & 1 else -gb, r * b if k & 2 else -r * b, r * g if k & 4 else -r * g


@triton.jit
def _tetrahedral_corner(k: tl.constexpr, red, green, blue, size):
    """Corner k of the walk from the cell's lower node to its upper one, along the largest fraction first.

    Equal fractions go in the order red, green, blue; only gradients can tell.
    """
    high = tl.maximum(red, green)
    low = tl.minimum(red, green)
    largest = tl.maximum(high, blue)
    middle = tl.maximum(low, tl.minimum(high, blue))
    smallest = tl.minimum(low, blue)
    # The axes that the walk takes first and last, each as the offset of one step along it
    first = tl.where(high >= blue, tl.where(red >= green, 1, size), size * size)
    last = tl.where(low < blue, tl.where(red >= green, size, 1), size * size)
    upper = (size + 1) * size + 1
    if k == 0:
        offset, weight = 0, 1 - largest
    elif k == 1:
        offset, weight = first, largest - middle
    elif k == 2:
        offset, weight = upper - last, middle - smallest
    else:
        offset, weight = upper, smallest
    return (
        offset,
        weight,
        _walk_slope(k, first == 1, last == 1),
        _walk_slope(k, first == size, last == size),
        _walk_slope(k, first == size * size, last == size * size),
    )


@triton.jit
def _walk_slope(k: tl.constexpr, is_first, is_last):
    """The slope of corner k's weight along an axis: -1 before the walk takes the axis, 1 after, 0 elsewhere."""
    if k == 0:
        slope = tl.where(is_first, -1.0, 0.0)
    elif k == 1:
        slope = tl.where(is_first, 1.0, tl.where(is_last, 0.0, -1.0))
    elif k == 2:
        slope = tl.where(is_last, -1.0, tl.where(is_first, 0.0, 1.0))
    else:
        slope = tl.where(is_last, 1.0, 0.0)
    return slope


@triton.jit
def _corner(k: tl.constexpr, red, green, blue, size, TETRAHEDRAL: tl.constexpr):
    if TETRAHEDRAL:
        return _tetrahedral_corner(k, red, green, blue, size)
    else:
        return _trilinear_corner(k, red, green, blue, size)


@triton.jit(do_not_specialize=UNSPECIALIZED)
def forward_kernel(
    out_pointer,
    image_pointer,
    nodes_pointer,  # [Bt, nodes, 4]
    out_strides,
    out_step,
    image_strides,
    image_step,
    tables,  # one for all images or one for each
    lines,
    blocks,
    width,
    size,
    PEAK: tl.constexpr,
    TETRAHEDRAL: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Grades images."""
    accumulator: tl.constexpr = nodes_pointer.dtype.element_ty
    image, line, first, lane, exists = _locate_block(lines, blocks, width, BLOCK)
    source = _pointers(image_pointer, image_strides, image_step, image, line, first, lane)
    red, green, blue = _load_rgb(source, image_strides[1], exists)
    red_node, red = _locate(red, size, accumulator, PEAK)
    green_node, green = _locate(green, size, accumulator, PEAK)
    blue_node, blue = _locate(blue, size, accumulator, PEAK)
    cell = (blue_node * size + green_node) * size + red_node
    nodes = nodes_pointer + tl.minimum(image, tables - 1) * (size * size * size * 4) + tl.arange(0, 4)[None, :]
    value = tl.zeros((BLOCK, 4), accumulator)
    for k in tl.static_range(4 if TETRAHEDRAL else 8):
        offset, weight, _r, _g, _b = _corner(k, red, green, blue, size, TETRAHEDRAL)
        node = tl.load(nodes + ((cell + offset) * 4)[:, None])
        value = tl.fma(node, tl.broadcast_to(weight[:, None], (BLOCK, 4)), value)
    red, green, blue = _split_rgb(value, BLOCK)
    target = _pointers(out_pointer, out_strides, out_step, image, line, first, lane)
    _store_rgb(target, out_strides[1], exists, _quantize(red, PEAK), _quantize(green, PEAK), _quantize(blue, PEAK))


@triton.jit(do_not_specialize=UNSPECIALIZED)
def backward_kernel(
    image_grad_pointer,
    table_grad_pointer,  # [Bt, nodes, copies, 4], zeroed; with FIXED_POINT int64. copies is a power of two
    scale_pointer,  # [Bt], with FIXED_POINT: what stands for a gradient of 1, in double precision
    grad_pointer,
    image_pointer,
    nodes_pointer,  # [Bt, nodes, 4]
    image_grad_strides,
    image_grad_step,
    grad_strides,
    grad_step,
    image_strides,
    image_step,
    tables,
    lines,
    blocks,
    width,
    size,
    copies,
    PEAK: tl.constexpr,
    TETRAHEDRAL: tl.constexpr,
    NEED_IMAGE: tl.constexpr,
    NEED_TABLE: tl.constexpr,
    FIXED_POINT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """The gradient of images, of tables, or of both in one pass."""
    accumulator: tl.constexpr = nodes_pointer.dtype.element_ty
    image, line, first, lane, exists = _locate_block(lines, blocks, width, BLOCK)
    source = _pointers(grad_pointer, grad_strides, grad_step, image, line, first, lane)
    red, green, blue = _load_rgb(source, grad_strides[1], exists)
    grad = _join_rgb(red, green, blue).to(accumulator)
    source = _pointers(image_pointer, image_strides, image_step, image, line, first, lane)
    x_red, x_green, x_blue = _load_rgb(source, image_strides[1], exists)
    red_node, red = _locate(x_red, size, accumulator, PEAK)
    green_node, green = _locate(x_green, size, accumulator, PEAK)
    blue_node, blue = _locate(x_blue, size, accumulator, PEAK)
    cell = (blue_node * size + green_node) * size + red_node
    column = tl.arange(0, 4)[None, :]
    table = tl.minimum(image, tables - 1)
    nodes = nodes_pointer + table * (size * size * size * 4) + column
    # Neighbouring pixels often share a cell. Each takes the next of a node's copies, which lie side by side, so that
    # a warp's additions to one node fall on different addresses of the same cache lines.
    copy = lane & (copies - 1)
    d_red = tl.zeros((BLOCK,), accumulator)
    d_green = tl.zeros((BLOCK,), accumulator)
    d_blue = tl.zeros((BLOCK,), accumulator)
    for k in tl.static_range(4 if TETRAHEDRAL else 8):
        offset, weight, slope_red, slope_green, slope_blue = _corner(k, red, green, blue, size, TETRAHEDRAL)
        node = cell + offset
        if NEED_IMAGE:
            along = tl.sum(tl.load(nodes + (node * 4)[:, None]) * grad, axis=1)
            d_red += slope_red * along
            d_green += slope_green * along
            d_blue += slope_blue * along
        if NEED_TABLE:
            share = weight[:, None] * grad
            wanted = exists[:, None]
            if FIXED_POINT:
                wanted = wanted & (column < 3)  # no vector instruction adds integers, and the padding needs none
                share = tl.floor(share.to(tl.float64) * tl.load(scale_pointer + table) + 0.5).to(tl.int64)
            sums = table_grad_pointer + table * (size * size * size * 4) * copies + column
            target = sums + ((node * copies + copy) * 4)[:, None]
            tl.atomic_add(target, share, mask=wanted, sem="relaxed")
    if NEED_IMAGE:
        # Comparisons with NaN are false, so its gradient is zero
        d_red = tl.where((x_red >= 0) & (x_red <= 1), d_red * (size - 1), 0)
        d_green = tl.where((x_green >= 0) & (x_green <= 1), d_green * (size - 1), 0)
        d_blue = tl.where((x_blue >= 0) & (x_blue <= 1), d_blue * (size - 1), 0)
        target = _pointers(image_grad_pointer, image_grad_strides, image_grad_step, image, line, first, lane)
        _store_rgb(target, image_grad_strides[1], exists, d_red, d_green, d_blue)
