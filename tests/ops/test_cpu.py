"""What only the C kernels have: threads, a fork, packed tables, conversions of half floats."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from lutgrade.lut.lut import identity_table
from lutgrade.ops import apply_lut, backend, cpu, lut3d
from lutgrade.ops.threads import parallel_for

needs_library = pytest.mark.skipif(not cpu.available(), reason="the C kernels were not built")
interpolations = pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])


@pytest.fixture
def threads() -> Iterator[None]:
    """Lets a test set the number of threads, and puts it back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@needs_library
@interpolations
@pytest.mark.parametrize("tables", [1, 2])
@pytest.mark.usefixtures("threads")
def test_the_number_of_threads_changes_no_bit(interpolation: str, tables: int) -> None:
    image = random(2, 3, 301, 403).contiguous(memory_format=torch.channels_last).requires_grad_()
    table = random(tables, 3, 17, 17, 17, seed=1).requires_grad_()
    weight = random(2, 3, 301, 403, seed=2)
    results = []
    for count in (1, 2, 3, 8):
        torch.set_num_threads(count)
        out = apply_lut(image, table, interpolation=interpolation)
        results.append((out, *torch.autograd.grad(out, (image, table), weight)))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@needs_library
@pytest.mark.usefixtures("threads")
def test_calls_from_many_threads_at_once() -> None:
    torch.set_num_threads(3)
    table, images = random(3, 9, 9, 9), [random(1, 3, 300, 400, seed=i) for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda image: apply_lut(image, table), images))
    for image, out in zip(images, together, strict=True):
        assert torch.equal(out, apply_lut(image, table))


@needs_library
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_grades_the_same() -> None:
    script = """
import os, signal, torch
from lutgrade.ops import apply_lut
torch.set_num_threads(3)
image, table = torch.zeros(1, 3, 600, 600), torch.rand(3, 5, 5, 5)
expected = apply_lut(image, table).numpy()
child = os.fork()
if child == 0:
    signal.alarm(30)
    same = (apply_lut(image, table).numpy() == expected).all()  # torch.equal's own threads do not survive a fork
    os._exit(0 if same else 1)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("total", [0, 1, 7, 64, 1000])
def test_a_loop_is_covered_once(total: int) -> None:
    torch.set_num_threads(4)
    seen: list[int] = []
    parallel_for(lambda begin, end: seen.extend(range(begin, end)), total, grain=5)
    assert sorted(seen) == list(range(total))


@pytest.mark.usefixtures("threads")
def test_an_error_in_any_thread_is_raised() -> None:
    torch.set_num_threads(2)

    def fail(begin: int, end: int) -> None:
        if end == 100:
            raise RuntimeError("the last range")

    with pytest.raises(RuntimeError, match="the last range"):
        parallel_for(fail, 100, grain=1)


@needs_library
def test_every_float16_and_bfloat16_is_written_as_torch_rounds_it() -> None:
    """The knots of a table of float32s from the smallest to beyond the largest half, at odd bits."""
    exponents = torch.randint(-30, 18, (3, 65, 65, 65), generator=torch.Generator().manual_seed(0))
    table = torch.ldexp(random(3, 65, 65, 65) * 2 - 1, exponents)
    knots = identity_table(65).reshape(3, 65, -1)
    for dtype in (torch.float16, torch.bfloat16):
        assert torch.equal(apply_lut(knots.to(dtype), table), table.reshape(3, 65, -1).to(dtype))


@needs_library
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_every_finite_half_is_read_exactly(dtype: torch.dtype) -> None:
    """As the incoming gradient of an identity table, whose slopes are one."""
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    values = bits.view(dtype)
    values = values[values.isfinite()].reshape(1, 1, -1)
    grad = torch.cat([values, torch.zeros_like(values), torch.zeros_like(values)])
    image = torch.full_like(grad, 0.25).requires_grad_()
    apply_lut(image, identity_table(2)).backward(grad)
    assert image.grad is not None
    assert torch.equal(image.grad, grad)


def test_without_a_kernel_the_definition_runs_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setitem(lut3d._KERNELS, "cpu", "reference")
    monkeypatch.setattr(lut3d, "_warned", set())
    image, table = random(3, 5, 6).requires_grad_(), random(3, 4, 4, 4)
    assert backend("cpu") == "reference"
    for _ in range(2):
        out = apply_lut(image, table)
    out.sum().backward()
    assert [str(w.message) for w in recwarn if "plain torch runs" in str(w.message)] == [
        "no compiled LUT kernel for cpu: plain torch runs instead (reinstall lutgrade where there is a C compiler)"
    ]


def test_importing_the_operator_imports_no_triton() -> None:
    script = "import sys, lutgrade.ops; sys.exit('triton' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
