"""The Triton kernels against the definition: on a GPU where there is one, elsewhere in Triton's interpreter.

Whether a kernel is interpreted is settled where it is decorated, for the whole process, and Inductor's own kernels
would be too. So without a GPU `test_in_the_interpreter` runs this file once more in a process of its own.
"""

from __future__ import annotations

import mmap
import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lutgrade.ops.reference import apply_lut_reference

triton = pytest.importorskip("triton")
cuda = pytest.importorskip("lutgrade.ops.cuda")

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
GPU = torch.cuda.is_available() and not INTERPRETED
DEVICE = torch.device("cuda" if GPU else "cpu")

runs = pytest.mark.skipif(not (GPU or INTERPRETED), reason="no GPU: test_in_the_interpreter runs it")
interpolations = pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])

# What a stored value may be off, in units of its type's peak: the type's own rounding and float32 arithmetic
TOLERANCE = {
    torch.uint8: 0.5001 / 255,
    torch.uint16: 0.52 / 65535,
    torch.float16: 2.0**-12 + 1e-6,
    torch.bfloat16: 2.0 ** (-8 if INTERPRETED else -9) + 1e-6,  # the interpreter truncates
    torch.float32: 5e-7,
    torch.float64: 1e-14,
}
FLOATS = [dtype for dtype in TOLERANCE if dtype.is_floating_point]


def _random(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    values = torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    if not dtype.is_floating_point:
        values = values * torch.iinfo(dtype).max
    return values.to(dtype).to(DEVICE)


def _fractions(image: Tensor) -> Tensor:
    """In double precision, integers as fractions of their maximum."""
    return image.double() / (1 if image.dtype.is_floating_point else torch.iinfo(image.dtype).max)


def _definition(image: Tensor, table: Tensor, interpolation: str) -> Tensor:
    return apply_lut_reference(_fractions(image), table.double(), interpolation)


def _gradients(grad: Tensor, image: Tensor, table: Tensor, interpolation: str) -> tuple[Tensor, Tensor]:
    """Of the definition, by autograd in double precision."""
    x, t = image.double().requires_grad_(), table.double().requires_grad_()
    out = apply_lut_reference(x, t, interpolation)
    image_grad, table_grad = torch.autograd.grad(out, (x, t), grad.double())
    return image_grad, table_grad


def _assert_close(actual: Tensor | None, expected: Tensor, tolerance: float) -> None:
    assert actual is not None
    torch.testing.assert_close(actual.double(), expected, atol=tolerance, rtol=tolerance)


@pytest.mark.skipif(GPU or INTERPRETED, reason="the tests below run on the GPU, or are in the interpreter now")
def test_in_the_interpreter() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
    assert int(re.findall(r"(\d+) passed", result.stdout)[-1]) > 90


@runs
@interpolations
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_every_dtype_matches_the_definition(dtype: torch.dtype, interpolation: str) -> None:
    image = _random(2, 3, 11, 53, seed=1, dtype=dtype)  # 583 pixels: a block and a part of one
    table = _random(1, 3, 17, 17, 17, seed=2, dtype=torch.float64 if dtype == torch.float64 else torch.float32)
    out = cuda.forward(image, table, interpolation)
    assert out.dtype == dtype
    assert out.shape == image.shape
    assert (_fractions(out) - _definition(image, table, interpolation)).abs().max() <= TOLERANCE[dtype]


@runs
@interpolations
@pytest.mark.parametrize("size", [2, 3, 17, 33, 129])
def test_every_side_matches_the_definition(size: int, interpolation: str) -> None:
    image = _random(1, 3, 5, 31, seed=3)
    table = _random(1, 3, size, size, size, seed=4) * 3 - 1
    _assert_close(cuda.forward(image, table, interpolation), _definition(image, table, interpolation), 3e-6)


def _channels_last(image: Tensor) -> Tensor:
    return image.contiguous(memory_format=torch.channels_last)


LAYOUTS: dict[str, Callable[[], Tensor]] = {  # of one size, [2, 3, 3, 10]
    "channels-last": lambda: _channels_last(_random(2, 3, 3, 10, seed=5)),
    "crop": lambda: _random(2, 3, 6, 20, seed=5)[..., 2:5, 7:17],
    "every other pixel": lambda: _random(2, 3, 6, 20, seed=5)[..., ::2, ::2],
    "channels-last crop": lambda: _channels_last(_random(2, 3, 6, 20, seed=5))[..., 2:5, 7:17],
    "transposed": lambda: _random(2, 3, 10, 3, seed=6).mT,
    "channels and batch exchanged": lambda: _random(3, 2, 3, 10, seed=7).transpose(0, 1),
    "one line, expanded": lambda: _random(2, 3, 1, 10, seed=8).expand(-1, -1, 3, -1),
    "one number, expanded": lambda: torch.tensor(0.3, device=DEVICE).expand(2, 3, 3, 10),
}


@runs
@pytest.mark.parametrize("layout", LAYOUTS)
def test_strides_are_followed_and_the_memory_format_is_kept(layout: str) -> None:
    strided, dense, table = LAYOUTS[layout](), _random(2, 3, 3, 10, seed=9), _random(2, 3, 5, 5, 5, seed=10)
    out = cuda.forward(strided, table, "trilinear")
    assert torch.equal(out, cuda.forward(strided.contiguous(), table, "trilinear"))
    assert out.stride() == torch.empty_like(strided).stride()
    for grad, image in ((dense, strided), (strided, dense)):
        image_grad, table_grad = cuda.backward(grad, image, table, "trilinear", True, True, False)
        expected_image, expected_table = _gradients(grad, image, table, "trilinear")
        _assert_close(image_grad, expected_image, 1e-5)
        _assert_close(table_grad, expected_table, 1e-5)
        assert image_grad.stride() == torch.empty_like(image).stride()


@runs
@pytest.mark.parametrize(
    "shape", [(1, 3, 1, 1), (2, 3, 7, 1), (2, 3, 1, 7), (1, 3, 16, 32), (0, 3, 4, 4), (1, 3, 0, 4)]
)
@pytest.mark.parametrize("format", [torch.contiguous_format, torch.channels_last])
def test_shapes_at_the_limits(shape: tuple[int, ...], format: torch.memory_format) -> None:
    image = _random(*shape, seed=11).contiguous(memory_format=format)
    table = _random(1, 3, 3, 3, 3, seed=12)
    _assert_close(cuda.forward(image, table, "tetrahedral"), _definition(image, table, "tetrahedral"), 1e-6)
    image_grad, table_grad = cuda.backward(image, image, table, "tetrahedral", True, True, False)
    assert image_grad.shape == image.shape
    assert table_grad.shape == table.shape
    if image.numel() == 0:
        assert not table_grad.any()


@runs
@interpolations
def test_a_table_for_each_image_is_a_loop_over_both(interpolation: str) -> None:
    images, tables = _random(3, 3, 5, 33, seed=13), _random(3, 3, 4, 4, 4, seed=14)
    grads = _random(3, 3, 5, 33, seed=15)
    out = cuda.forward(images, tables, interpolation)
    image_grad, table_grad = cuda.backward(grads, images, tables, interpolation, True, True, True)
    for k in range(3):
        one = slice(k, k + 1)
        assert torch.equal(out[one], cuda.forward(images[one], tables[one], interpolation))
        expected = cuda.backward(grads[one], images[one], tables[one], interpolation, True, True, True)
        assert torch.equal(image_grad[one], expected[0])
        assert torch.equal(table_grad[one], expected[1])


@runs
def test_tables_need_not_be_contiguous() -> None:
    image, table = _random(1, 3, 2, 9, seed=16), _random(1, 5, 5, 5, 3, seed=17).permute(0, 4, 1, 2, 3)
    assert torch.equal(cuda.forward(image, table, "trilinear"), cuda.forward(image, table.contiguous(), "trilinear"))
    _, table_grad = cuda.backward(image, image, table.half(), "trilinear", False, True, False)
    assert table_grad.dtype == torch.float16
    assert table_grad.shape == table.shape


def _all_colours(*levels: float, dtype: torch.dtype = torch.float32) -> Tensor:
    """Every triple of the levels, `[1, 3, 1, levels ** 3]`."""
    values = torch.tensor(levels, dtype=torch.float64).to(dtype).to(DEVICE)
    return torch.cartesian_prod(values, values, values).T[None, :, None].contiguous()


@runs
@interpolations
@pytest.mark.parametrize("size", [2, 3, 5])
def test_knots_are_exact(size: int, interpolation: str) -> None:
    nodes = _all_colours(*(k / (size - 1) for k in range(size)))
    table = _random(1, 3, size, size, size, seed=18)
    expected = table.transpose(2, 4).reshape(1, 3, 1, -1)  # red slowest, as in the image
    assert torch.equal(cuda.forward(nodes, table, interpolation), expected)


@runs
@interpolations
@pytest.mark.parametrize(("dtype", "size"), [(torch.uint8, 6), (torch.uint16, 6), (torch.uint8, 52)])
def test_integer_knots_are_exact(dtype: torch.dtype, size: int, interpolation: str) -> None:
    peak = torch.iinfo(dtype).max
    levels = [peak // (size - 1) * k for k in range(0, size, (size - 1) // 5)]
    image = _all_colours(*levels, dtype=dtype)
    table = torch.randint(0, peak + 1, (1, 3, size, size, size), generator=torch.Generator().manual_seed(19))
    red, green, blue = (image[0, :, 0].long() // (peak // (size - 1))).cpu()
    expected = table[0][:, blue, green, red]
    out = cuda.forward(image, (table / peak).to(DEVICE), interpolation)
    assert torch.equal(out[0, :, 0].long().cpu(), expected)


@runs
@interpolations
@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16], ids=str)
def test_the_identity_changes_no_integer(dtype: torch.dtype, interpolation: str) -> None:
    peak = torch.iinfo(dtype).max
    image = torch.arange(0, peak + 1, max(1, peak // 300))
    image = torch.stack([image, image.flip(0), image.roll(71, 0)])[None, :, None].to(dtype).to(DEVICE)
    axis = torch.linspace(0, 1, 33, device=DEVICE)
    table = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).flip(0)[None]
    assert torch.equal(cuda.forward(image, table, interpolation).long(), image.long())


@runs
def test_integers_clamp_to_their_range() -> None:
    image = _random(1, 3, 1, 40, seed=20, dtype=torch.uint8)
    table = torch.full((1, 3, 2, 2, 2), 1.5, device=DEVICE)
    table[:, 1], table[:, 2] = -0.5, torch.nan
    assert cuda.forward(image, table, "trilinear")[0, :, 0, 0].tolist() == [255, 0, 0]


OUTSIDE = [-torch.inf, -1e-7, 0.0, 0.3, 1.0, 1 + 2**-23, torch.inf, torch.nan]


@runs
@interpolations
@pytest.mark.parametrize("size", [2, 17])
def test_outside_of_the_domain(size: int, interpolation: str) -> None:
    """Values clamp, NaN is 0; gradients pass on the closed interval, and NaN gets none."""
    image, table = _all_colours(*OUTSIDE), _random(1, 3, size, size, size, seed=21)
    grad = _random(*image.shape, seed=22)
    clamped = torch.where(image.isnan(), 0.0, image).clamp(0, 1)
    assert torch.equal(cuda.forward(image, table, interpolation), cuda.forward(clamped, table, interpolation))
    image_grad, table_grad = cuda.backward(grad, image, table, interpolation, True, True, False)
    inside, clamped_table_grad = cuda.backward(grad, clamped, table, interpolation, True, True, False)
    assert torch.equal(image_grad, torch.where((image >= 0) & (image <= 1), inside, 0))
    torch.testing.assert_close(table_grad, clamped_table_grad)
    ends = (clamped == 0) | (clamped == 1)
    assert (inside[ends] != 0).all()


@runs
@interpolations
@pytest.mark.parametrize("size", [2, 3, 17, 33])
def test_gradients_match_the_definition(size: int, interpolation: str) -> None:
    image = _random(2, 3, 9, 31, seed=23)
    image[:, :, 0] = image[:, :1, 0]  # grey: all fractions are equal
    image[:, 1, 1] = image[:, 0, 1]
    image[:, 2, 2] = image[:, 1, 2]
    image[:, 2, 3] = image[:, 0, 3]
    image[:, :, 4] = (image[:, :, 4] * 8).round() / 8  # knots, where it takes the cell above
    grad, table = _random(2, 3, 9, 31, seed=24) - 0.5, _random(1, 3, size, size, size, seed=25)
    expected_image, expected_table = _gradients(grad, image, table, interpolation)
    image_grad, table_grad = cuda.backward(grad, image, table, interpolation, True, True, False)
    _assert_close(image_grad, expected_image, 2e-6 * size)
    _assert_close(table_grad, expected_table, 2e-5)
    fixed_image, fixed_table = cuda.backward(grad, image, table, interpolation, True, True, True)
    assert torch.equal(fixed_image, image_grad)
    _assert_close(fixed_table, expected_table, 1e-5)


@runs
@interpolations
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_gradients_of_every_dtype(dtype: torch.dtype, interpolation: str) -> None:
    image, grad = _random(1, 3, 5, 29, seed=26, dtype=dtype), _random(1, 3, 5, 29, seed=27, dtype=dtype)
    table = _random(1, 3, 9, 9, 9, seed=28, dtype=torch.float64 if dtype == torch.float64 else torch.float32)
    expected_image, expected_table = _gradients(grad, image, table, interpolation)
    image_grad, table_grad = cuda.backward(grad, image, table, interpolation, True, True, False)
    assert image_grad.dtype == dtype
    assert table_grad.dtype == table.dtype
    _assert_close(image_grad, expected_image, max(4 * TOLERANCE[dtype], 1e-13))
    _assert_close(table_grad, expected_table, 1e-13 if dtype == torch.float64 else 2e-6)


@runs
@pytest.mark.parametrize("deterministic", [False, True])
def test_only_what_is_needed(deterministic: bool) -> None:
    image, table, grad = _random(1, 3, 4, 9, seed=29), _random(1, 3, 4, 4, 4, seed=30), _random(1, 3, 4, 9, seed=31)
    both = cuda.backward(grad, image, table, "trilinear", True, True, deterministic)
    image_grad, none = cuda.backward(grad, image, table, "trilinear", True, False, deterministic)
    assert none is None
    assert torch.equal(image_grad, both[0])
    none, table_grad = cuda.backward(grad, image, table, "trilinear", False, True, deterministic)
    assert none is None
    torch.testing.assert_close(table_grad, both[1])
    assert cuda.backward(grad, image, table, "trilinear", False, False, deterministic) == (None, None)


@runs
@interpolations
def test_deterministic_sums_do_not_depend_on_the_order(interpolation: str) -> None:
    image, grad = _random(1, 3, 1, 700, seed=32) * 0.3, torch.randn(1, 3, 1, 700, device=DEVICE)
    table = _random(1, 3, 3, 3, 3, seed=33)
    _, first = cuda.backward(grad, image, table, interpolation, False, True, True)
    for seed in range(3):
        order = torch.randperm(700, generator=torch.Generator().manual_seed(seed)).to(DEVICE)
        _, again = cuda.backward(grad[..., order], image[..., order], table, interpolation, False, True, True)
        assert torch.equal(first, again)


@runs
@pytest.mark.parametrize("magnitude", [0.0, 1e-250, 1e-37, 1e30, 1e300])
def test_deterministic_sums_scale_with_the_gradient(magnitude: float) -> None:
    image, grad = _random(1, 3, 4, 40, seed=34, dtype=torch.float64), _random(1, 3, 4, 40, seed=35).double()
    table = _random(1, 3, 3, 3, 3, seed=36, dtype=torch.float64)
    _, expected = _gradients(grad, image, table, "trilinear")
    _, table_grad = cuda.backward(grad * magnitude, image, table, "trilinear", False, True, True)
    torch.testing.assert_close(table_grad, expected * magnitude, atol=0, rtol=1e-12)


@runs
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("deterministic", [False, True])
def test_gradients_that_are_not_finite_show(value: float, deterministic: bool) -> None:
    """In their own table and in no other, so that a scaler of losses sees them."""
    image, grad, table = _random(2, 3, 4, 9, seed=37), _random(2, 3, 4, 9, seed=38), _random(2, 3, 3, 3, 3, seed=39)
    grad[1, 1, 2, 5] = value
    _, table_grad = cuda.backward(grad, image, table, "trilinear", False, True, deterministic)
    assert table_grad[0].isfinite().all()
    assert not table_grad[1].isfinite().all()


def _untouched_memory(values: int) -> Tensor:
    """Half-precision values that take no memory on the CPU until they are written."""
    if GPU:
        return torch.empty(values, dtype=torch.float16, device=DEVICE)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
    return torch.frombuffer(mmap.mmap(-1, 2 * values, flags=flags), dtype=torch.float16)


@runs
@pytest.mark.parametrize("axis", range(4), ids=["image", "channel", "line", "pixel"])
def test_offsets_past_32_bits(axis: int) -> None:
    """Strides that fit 32 bits, and whose multiples do not."""
    shape, strides = [2, 3, 2, 4], [90, 30, 13, 1]
    shape[axis] = max(shape[axis], 3)
    strides[axis] = (2**31 + 2**20) // (shape[axis] - 1)
    try:
        image = _untouched_memory(2**31 + 2**21).as_strided(shape, strides)
    except (OSError, torch.OutOfMemoryError) as error:
        pytest.skip(f"not even the addresses: {error}")
    values = _random(*shape, seed=40, dtype=torch.float16)
    image.copy_(values)
    table = _random(1, 3, 5, 5, 5, seed=41)
    assert torch.equal(cuda.forward(image, table, "trilinear"), cuda.forward(values, table, "trilinear"))
    far = cuda.backward(image, image, table, "trilinear", True, True, True)
    near = cuda.backward(values, values, table, "trilinear", True, True, True)
    assert torch.equal(far[0], near[0])
    assert torch.equal(far[1], near[1])


@pytest.mark.parametrize(
    ("pixels", "size", "copies"),
    [
        (64 * 64, 17, 2),
        (256 * 256, 33, 4),
        (1920 * 1080, 33, 32),
        (1920 * 1080, 65, 4),
        (3840 * 2160, 129, 1),
        (1, 2, 1),
    ],
)
def test_copies_grow_with_the_pixels_and_shrink_with_the_table(pixels: int, size: int, copies: int) -> None:
    image, table = torch.empty(2, 3, 1, pixels, device="meta"), torch.empty(2, 3, size, size, size, device="meta")
    assert cuda._copies(image, table) == copies
