"""The operator as users call it: every device, dtype, layout and edge, against the definition."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lutgrade.errors import InputError, LutgradeError
from lutgrade.lut.lut import identity_table
from lutgrade.ops import apply_lut, backend
from lutgrade.ops.reference import apply_lut_reference

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
DTYPES = (torch.uint8, torch.uint16, *FLOATS)
FORMATS = (torch.contiguous_format, torch.channels_last)

interpolations = pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def as_dtype(image: Tensor, dtype: torch.dtype) -> Tensor:
    """Floats in [0, 1], or beyond for floats, to an image of `dtype`."""
    if dtype.is_floating_point:
        return image.to(dtype)
    peak = torch.iinfo(dtype).max
    return (image.clamp(0, 1) * peak).round().to(dtype)


def difference(a: Tensor, b: Tensor) -> float:
    return (a.double() - b.double()).abs().max().item()


def tolerance(dtype: torch.dtype) -> float:
    """One step of an integer, one of a float's at 1.0, and a few of float32's."""
    return max(torch.finfo(dtype).eps, 4e-7) if dtype.is_floating_point else 1.0


# Values


@interpolations
@pytest.mark.parametrize("format", FORMATS, ids=("planar", "channels_last"))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tables", [1, 3])
def test_values_are_the_definition_s(
    device: torch.device, interpolation: str, format: torch.memory_format, dtype: torch.dtype, tables: int
) -> None:
    image = as_dtype(random(3, 3, 9, 131) * 1.4 - 0.2, dtype).to(device).contiguous(memory_format=format)
    table = random(tables, 3, 6, 6, 6, seed=1).to(device)
    out = apply_lut(image, table, interpolation=interpolation)
    assert (out.dtype, out.shape, out.stride()) == (image.dtype, image.shape, image.stride())
    assert difference(out, apply_lut_reference(image, table, interpolation)) <= tolerance(dtype)


@interpolations
@pytest.mark.parametrize("size", [2, 3, 17, 33, 65, 129])
def test_every_knot_gives_its_node_exactly(device: torch.device, interpolation: str, size: int) -> None:
    table = random(3, size, size, size).to(device)
    image = identity_table(size).reshape(3, size, -1).to(device)
    assert torch.equal(apply_lut(image, table, interpolation=interpolation), table.reshape(3, size, -1))


@interpolations
@pytest.mark.parametrize("size", [2, 5, 16, 17, 33, 52, 65, 129])
def test_the_identity_keeps_all_8_bit_colours(device: torch.device, interpolation: str, size: int) -> None:
    level = torch.arange(256, dtype=torch.uint8)
    image = torch.cartesian_prod(level, level, level).T.reshape(3, 4096, 4096).to(device)
    out = apply_lut(image, identity_table(size).to(device), interpolation=interpolation)
    assert torch.equal(out, image)


@interpolations
def test_the_identity_keeps_all_16_bit_levels(device: torch.device, interpolation: str) -> None:
    level = torch.arange(65536, dtype=torch.int32)
    image = torch.stack([level, level.flip(0), (level * 7) % 65536]).to(torch.uint16).reshape(3, 256, 256)
    out = apply_lut(image.to(device), identity_table(33).to(device), interpolation=interpolation)
    assert torch.equal(out.cpu().int(), image.int())


@interpolations
@pytest.mark.parametrize("dtype", FLOATS)
def test_outside_the_domain_it_clamps(device: torch.device, interpolation: str, dtype: torch.dtype) -> None:
    table = random(3, 5, 5, 5).to(device)
    inf, nan = float("inf"), float("nan")
    values = torch.tensor([0.0, -0.0, -1e-6, -1.0, -inf, nan, 1.0, 1.001, 2.0, inf], dtype=dtype, device=device)
    out = apply_lut(values.expand(3, 1, -1), table, interpolation=interpolation)[:, 0]
    for column in range(6):
        assert torch.equal(out[:, column], table[:, 0, 0, 0].to(dtype))
    for column in range(6, 10):
        assert torch.equal(out[:, column], table[:, -1, -1, -1].to(dtype))


def test_the_last_cell_ends_at_one(device: torch.device) -> None:
    """The float before 1.0 stays in its cell: its value is next to the last node's."""
    table = torch.zeros(3, 33, 33, 33, device=device)
    table[:, :, :, -1] = 1.0
    below = torch.tensor(1.0).nextafter(torch.tensor(0.0)).to(device)
    image = torch.stack([below, below * 0, below * 0]).reshape(3, 1, 1)
    assert 1 - 1e-5 < apply_lut(image, table)[0].item() < 1.0


@interpolations
def test_axes_and_channels_are_not_swapped(device: torch.device, interpolation: str) -> None:
    size = 5
    table = random(3, size, size, size).to(device)
    for r, g, b in ((1, 2, 3), (3, 0, 2), (0, 4, 1), (4, 3, 0)):
        image = torch.tensor([r, g, b], device=device).div(size - 1).reshape(3, 1, 1)
        assert torch.equal(apply_lut(image, table, interpolation=interpolation).flatten(), table[:, b, g, r])


def test_integers_are_rounded_to_nearest_and_clamped(device: torch.device) -> None:
    values = torch.tensor([100.4 / 255, 100.6 / 255, 1.5], device=device)
    table = values.reshape(3, 1, 1, 1).expand(3, 2, 2, 2)
    image = torch.zeros(3, 1, 1, dtype=torch.uint8, device=device)
    assert apply_lut(image, table).flatten().tolist() == [100, 101, 255]
    assert apply_lut(image, table - 1.6).flatten().tolist() == [0, 0, 0]


@interpolations
def test_a_batch_of_tables_is_a_loop_over_them(device: torch.device, interpolation: str) -> None:
    image, table = random(4, 3, 7, 65).to(device), random(4, 3, 9, 9, 9, seed=1).to(device)
    batch = apply_lut(image, table, interpolation=interpolation)
    for one, graded, lut in zip(image, batch, table, strict=True):
        assert torch.equal(apply_lut(one, lut, interpolation=interpolation), graded)


# Shapes and strides


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 3, 1, 1), (2, 4, 3, 2, 6), (0, 3, 4, 4), (2, 3, 0, 4), (2, 3, 4, 0)])
def test_any_leading_axes_and_empty_images(device: torch.device, shape: tuple[int, ...]) -> None:
    image = random(*shape).to(device).requires_grad_()
    table = random(3, 3, 3, 3, seed=1).to(device).requires_grad_()
    out = apply_lut(image, table)
    assert out.shape == image.shape
    torch.testing.assert_close(out, apply_lut_reference(image, table))
    out.sum().backward()
    assert image.grad is not None
    assert table.grad is not None
    assert table.grad.sum().item() == pytest.approx(image.numel(), rel=1e-5)  # the weights of a pixel sum to one


@interpolations
def test_any_strides(device: torch.device, interpolation: str) -> None:
    whole, table = random(2, 8, 20, 30).to(device), random(3, 5, 5, 5, seed=1).to(device)
    views = {
        "crop": whole[:, :3, 3:17, 5:21],
        "channels apart": whole[:, 1:7:2],
        "every other pixel": whole[:, :3, ::2, ::3],
        "transposed": whole[:, :3].transpose(2, 3),
        "expanded batch": whole[:1, :3].expand(4, -1, -1, -1),
        "one grey channel": whole[:, :1].expand(-1, 3, -1, -1),
        "reversed axes": random(6, 5, 3, 2).to(device).permute(3, 2, 1, 0),
        "alpha dropped": random(2, 6, 5, 4).to(device).permute(0, 3, 1, 2)[:, :3],
    }
    for name, view in views.items():
        leaf = view.detach().requires_grad_()
        out = apply_lut(leaf, table.mT, interpolation=interpolation)
        expected = apply_lut(view.contiguous(), table.mT.contiguous(), interpolation=interpolation)
        assert torch.equal(out, expected), name
        weight = random(*out.shape[:2], out.shape[3], out.shape[2], seed=2).to(device).transpose(2, 3)
        (gradient,) = torch.autograd.grad(out, leaf, weight)
        copy = view.contiguous().requires_grad_()
        again = apply_lut(copy, table.mT, interpolation=interpolation)
        assert torch.equal(gradient, torch.autograd.grad(again, copy, weight)[0]), name


def test_offsets_past_two_to_the_31(device: torch.device) -> None:
    """The second image lies past 2^31 elements; on the CPU the memory between is never touched."""
    far = 2**31 + 7
    storage = torch.empty(far + 12, dtype=torch.uint8, device=device)
    image = storage.as_strided((2, 3, 1, 4), (far, 4, 4, 1))
    image.copy_(torch.arange(24, dtype=torch.uint8).reshape(2, 3, 1, 4) * 10)
    table = random(3, 4, 4, 4).to(device)
    assert torch.equal(apply_lut(image, table), apply_lut(image.contiguous(), table))


# Gradients


@interpolations
@pytest.mark.parametrize("tables", [1, 2])
def test_gradcheck(device: torch.device, interpolation: str, tables: int) -> None:
    image = (random(2, 3, 3, 5, dtype=torch.float64) * 1.2 - 0.1).to(device).requires_grad_()
    table = random(tables, 3, 4, 4, 4, seed=1, dtype=torch.float64).to(device).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda i, t: apply_lut(i, t, interpolation=interpolation),
        (image, table),
        nondet_tol=1e-12,
    )


@interpolations
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("format", FORMATS, ids=("planar", "channels_last"))
@pytest.mark.parametrize("tables", [1, 3])
def test_gradients_are_the_definition_s(
    device: torch.device, interpolation: str, dtype: torch.dtype, format: torch.memory_format, tables: int
) -> None:
    image = (random(3, 3, 17, 40) * 1.2 - 0.1).to(device, dtype).contiguous(memory_format=format).requires_grad_()
    table = random(tables, 3, 5, 5, 5, seed=1).to(device).requires_grad_()
    weight = random(3, 3, 17, 40, seed=2).to(device, dtype)
    got = torch.autograd.grad(apply_lut(image, table, interpolation=interpolation), (image, table), weight)
    expected = torch.autograd.grad(apply_lut_reference(image, table, interpolation), (image, table), weight)
    assert got[0].stride() == image.stride()
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.dtype == theirs.dtype
        scale = theirs.abs().max().item()
        assert difference(ours, theirs) <= scale * max(torch.finfo(ours.dtype).eps, 1e-6)


@interpolations
def test_the_image_gradient_passes_on_the_closed_interval(device: torch.device, interpolation: str) -> None:
    nan, inf = float("nan"), float("inf")
    values = torch.tensor([0.0, -0.0, 0.5, 1.0, -1e-6, 1.0 + 1e-6, nan, inf, -inf], device=device)
    image = values.expand(3, 1, -1).clone().requires_grad_()
    apply_lut(image, identity_table(5).to(device), interpolation=interpolation).sum().backward()
    assert image.grad is not None
    expected = torch.tensor([1.0, 1, 1, 1, 0, 0, 0, 0, 0], device=device).expand(3, 1, -1)
    assert torch.equal(image.grad, expected)


@interpolations
def test_at_ties_and_knots_the_slopes_are_the_definition_s(device: torch.device, interpolation: str) -> None:
    values = torch.tensor([0.0, 0.125, 0.25, 0.5, 0.625, 1.0], dtype=torch.float64)
    image = torch.cartesian_prod(values, values, values).T.reshape(3, 6, 36).to(device).requires_grad_()
    table = random(3, 5, 5, 5, dtype=torch.float64).to(device)
    (got,) = torch.autograd.grad(apply_lut(image, table, interpolation=interpolation).sum(), image)
    (expected,) = torch.autograd.grad(apply_lut_reference(image, table, interpolation).sum(), image)
    torch.testing.assert_close(got, expected)


def test_an_integer_image_is_graded_without_a_gradient(device: torch.device) -> None:
    table = random(3, 3, 3, 3).to(device).requires_grad_()
    assert not apply_lut(torch.zeros(3, 2, 2, dtype=torch.uint8, device=device), table).requires_grad


def test_backward_leaves_the_incoming_gradient_alone(device: torch.device) -> None:
    image, table = random(1, 3, 8, 8).to(device).requires_grad_(), random(3, 3, 3, 3).to(device).requires_grad_()
    weight = random(1, 3, 8, 8, seed=1).to(device)
    before = weight.clone()
    apply_lut(image, table).backward(weight)
    assert torch.equal(weight, before)


def test_a_second_derivative_is_refused(device: torch.device) -> None:
    image = random(1, 3, 4, 4).to(device).requires_grad_()
    (gradient,) = torch.autograd.grad(apply_lut(image, random(3, 3, 3, 3).to(device)).sum(), image, create_graph=True)
    with pytest.raises(LutgradeError, match="first derivatives only"):
        gradient.sum().backward()


def test_deterministic_algorithms_give_the_same_bits(device: torch.device) -> None:
    image, table = random(2, 3, 200, 300).to(device), random(3, 9, 9, 9, seed=1).to(device).requires_grad_()
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        runs = [torch.autograd.grad(apply_lut(image, table).square().sum(), table)[0] for _ in range(3)]
    finally:
        torch.use_deterministic_algorithms(before)
    assert torch.equal(runs[0], runs[1])
    assert torch.equal(runs[0], runs[2])


# What torch asks of an operator


@interpolations
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float32])
def test_opcheck(device: torch.device, interpolation: str, dtype: torch.dtype) -> None:
    image = as_dtype(random(2, 3, 4, 5), dtype).to(device).contiguous(memory_format=torch.channels_last)
    table = random(2, 3, 3, 3, 3, seed=1).to(device)
    forward, backward = torch.ops.lutgrade.lut3d.default, torch.ops.lutgrade.lut3d_backward.default
    if dtype.is_floating_point:
        for needs in ((True, True), (True, False), (False, True)):
            torch.library.opcheck(backward, (torch.ones_like(image), image, table, interpolation, *needs))
        image.requires_grad_()
        table.requires_grad_()
    torch.library.opcheck(forward, (image, table, interpolation))


@pytest.mark.parametrize(
    "compiler", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)], ids=("aot_eager", "inductor")
)
@interpolations
def test_it_compiles_into_one_graph(device: torch.device, interpolation: str, compiler: str) -> None:
    def graded(image: Tensor, table: Tensor) -> Tensor:
        return apply_lut(image * 0.9, table, interpolation=interpolation).square()

    compiled = torch.compile(graded, fullgraph=True, dynamic=True, backend=compiler)
    table = random(3, 4, 4, 4, seed=1).to(device).requires_grad_()
    for height, width in ((5, 6), (8, 3)):
        image = random(2, 3, height, width).to(device).requires_grad_()
        got, expected = compiled(image, table), graded(image, table)
        torch.testing.assert_close(got, expected)
        pairs = [torch.autograd.grad(out.sum(), (image, table)) for out in (got, expected)]
        torch.testing.assert_close(*pairs)


def test_autocast_changes_nothing(device: torch.device) -> None:
    image, table = random(1, 3, 6, 7).to(device).requires_grad_(), random(3, 4, 4, 4).to(device).requires_grad_()
    expected = apply_lut(image, table)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        out = apply_lut(image, table)
        half = apply_lut(image, table.to(torch.bfloat16))
    assert out.dtype == half.dtype == torch.float32
    assert torch.equal(out, expected)
    assert difference(half, expected) < 0.01
    gradients = [torch.autograd.grad(y.sum(), (image, table)) for y in (out, expected)]
    torch.testing.assert_close(*gradients)


def test_meta_tensors_have_the_shape() -> None:
    out = apply_lut(torch.empty(2, 3, 4, 5, device="meta"), torch.empty(3, 3, 3, 3, device="meta"))
    assert out.shape == (2, 3, 4, 5)


def test_the_backend_is_named() -> None:
    assert backend("cpu") in ("c", "reference")
    assert backend("meta") == "reference"


# Errors


@pytest.mark.parametrize(
    ("image", "table", "message"),
    [
        (torch.zeros(4, 4), torch.zeros(3, 2, 2, 2), r"an image is \[\.\.\., 3, H, W\], not \[4, 4\]"),
        (torch.zeros(1, 4, 4, 4), torch.zeros(3, 2, 2, 2), r"not \[1, 4, 4, 4\]"),
        (torch.zeros(3, 4, 4).long(), torch.zeros(3, 2, 2, 2), "not torch.int64"),
        (torch.zeros(3, 4, 4), torch.zeros(3, 2, 2), "a LUT table is"),
        (torch.zeros(3, 4, 4), torch.zeros(3, 2, 2, 3), r"not \[3, 2, 2, 3\]"),
        (torch.zeros(3, 4, 4), torch.zeros(4, 2, 2, 2), r"not \[4, 2, 2, 2\]"),
        (torch.zeros(3, 4, 4), torch.zeros(3, 1, 1, 1), "2 to 129 nodes a side, not 1"),
        (torch.zeros(3, 4, 4), torch.zeros(3, 1, 1, 1).expand(3, 130, 130, 130), "not 130"),
        (torch.zeros(3, 4, 4), torch.zeros(3, 2, 2, 2).int(), "not torch.int32"),
        (torch.zeros(3, 4, 4), torch.zeros(3, 2, 2, 2, device="meta"), "the LUT table on meta"),
        (torch.zeros(3, 3, 4, 4), torch.zeros(2, 3, 2, 2, 2), "2 LUT tables do not fit 3 images"),
    ],
)
def test_bad_input_is_named(image: Tensor, table: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        apply_lut(image, table)


def test_an_unknown_interpolation_is_named() -> None:
    with pytest.raises(InputError, match="not 'cubic'"):
        apply_lut(torch.zeros(3, 4, 4), torch.zeros(3, 2, 2, 2), interpolation="cubic")


# Laws


cases = given(
    size=st.integers(2, 33),
    seed=st.integers(0, 2**31),
    shape=st.tuples(st.integers(1, 3), st.just(3), st.integers(1, 5), st.integers(1, 300)),
)


@interpolations
@settings(max_examples=40, deadline=None)
@cases
def test_values_stay_within_the_table_s(interpolation: str, size: int, seed: int, shape: tuple[int, ...]) -> None:
    image = random(*shape, seed=seed) * 3 - 1
    table = random(3, size, size, size, seed=seed + 1) * 4 - 2
    out = apply_lut(image, table, interpolation=interpolation)
    for channel, nodes in zip(out.unbind(1), table, strict=True):
        assert nodes.min() - 1e-6 <= channel.min()
        assert channel.max() <= nodes.max() + 1e-6


@interpolations
@settings(max_examples=40, deadline=None)
@cases
def test_the_identity_is_the_identity(interpolation: str, size: int, seed: int, shape: tuple[int, ...]) -> None:
    image = random(*shape, seed=seed)
    assert difference(apply_lut(image, identity_table(size), interpolation=interpolation), image) < 5e-7


@interpolations
@settings(max_examples=40, deadline=None)
@cases
def test_it_is_linear_in_the_table(interpolation: str, size: int, seed: int, shape: tuple[int, ...]) -> None:
    image = random(*shape, seed=seed)
    a, b = random(2, 3, size, size, size, seed=seed + 1)
    mixed = apply_lut(image, a - 0.5 * b, interpolation=interpolation)
    parts = [apply_lut(image, table, interpolation=interpolation) for table in (a, b)]
    assert difference(mixed, parts[0] - 0.5 * parts[1]) < 1e-6
