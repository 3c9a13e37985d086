"""What the Triton kernels compile to, which needs no GPU: they compile for each kind of argument, and a node of a table
is read, and added to, with one instruction.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

triton = pytest.importorskip("triton")
cuda = pytest.importorskip("lutgrade.ops.cuda")

DTYPES = [torch.uint8, torch.uint16, torch.float16, torch.bfloat16, torch.float32, torch.float64]
interpolations = pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])
bundled = Path(triton.__file__).parent / "backends/nvidia/bin/ptxas"
compiles = pytest.mark.skipif(
    os.environ.get("TRITON_INTERPRET") == "1" or not (bundled.exists() or shutil.which("ptxas")),
    reason="the kernels are interpreted, or there is no PTX assembler",
)


class _Compiler:
    """Stands in for a kernel and for Triton's driver: compiles what is launched, as for a device of `capability`."""

    def __init__(self, kernel: Any, capability: int) -> None:
        self.kernel, self.capability = kernel, capability
        self.compiled: Any = None

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        def launch(*args: Any, **options: Any) -> None:
            self.compiled = self.kernel.warmup(*args, grid=grid, **options)

        return launch

    def get_current_device(self) -> int:
        return 1000 + self.capability  # Triton keeps compiled kernels by device; no real one has this number

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_current_target(self) -> Any:
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", self.capability, 32)


def _compile(monkeypatch: pytest.MonkeyPatch, capability: int, name: str, *args: Any) -> tuple[dict[str, int], int]:
    """Calls `cuda.<name>` and returns how often its PTX accesses global memory in which way, and its shared bytes."""
    compiler = _Compiler(getattr(cuda, f"{name}_kernel"), capability)
    monkeypatch.setattr(cuda, f"{name}_kernel", compiler)
    monkeypatch.setattr(triton.runtime.driver, "_active", compiler)
    getattr(cuda, name)(*args)
    accesses = re.findall(r"\b(?:ld|st|red|atom)\.global[\w.]*", compiler.compiled.asm["ptx"])
    # Triton 3.6 writes an addition whose result nobody reads as `atom`, which the assembler then makes a `red`
    names = [access.replace("atom.", "red.").replace("gpu.relaxed.", "") for access in accesses]
    return {name: names.count(name) for name in names}, compiler.compiled.metadata.shared


@compiles
@interpolations
@pytest.mark.parametrize(("capability", "dtype"), [(80, torch.float32), *((90, dtype) for dtype in DTYPES)])
def test_forward_reads_a_node_with_one_load(
    capability: int, dtype: torch.dtype, interpolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, table = torch.zeros(2, 3, 64, 64, dtype=dtype), torch.zeros(1, 3, 5, 5, 5)
    accesses, shared = _compile(monkeypatch, capability, "forward", image, table, interpolation)
    pixels = cuda.FORWARD_BLOCK // (32 * cuda.WARPS)
    nodes = pixels * (8 if interpolation == "trilinear" else 4)
    channels = {f"{what}.global.b{8 * dtype.itemsize}": 3 * pixels for what in ("ld", "st")}
    if dtype == torch.float64:
        assert accesses == {"ld.global.v2.b64": 2 * nodes, **channels}
    else:
        assert accesses == {"ld.global.v4.b32": nodes, **channels}
        assert shared == 0


@compiles
@interpolations
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_backward_adds_to_a_node_with_one_instruction(
    dtype: torch.dtype, interpolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, table = torch.zeros(2, 3, 64, 64, dtype=dtype), torch.zeros(2, 3, 5, 5, 5)
    args = (image, image, table, interpolation, True, True, False)
    accesses, shared = _compile(monkeypatch, 90, "backward", *args)
    corners = 8 if interpolation == "trilinear" else 4
    channels = {f"{what}.global.b{8 * dtype.itemsize}": n for what, n in (("ld", 6), ("st", 3))}
    if dtype == torch.float64:
        assert accesses == {"ld.global.v2.b64": 2 * corners, "red.global.add.f64": 4 * corners, **channels}
    else:
        assert accesses == {"ld.global.v4.b32": corners, "red.global.add.v4.f32": corners, **channels}
        assert shared == 0


@compiles
@pytest.mark.parametrize(
    ("capability", "need_image", "need_table", "deterministic", "expected"),
    [
        (90, True, False, False, {"ld.global.v4.b32": 8, "st.global.b32": 3}),
        (90, False, True, False, {"red.global.add.v4.f32": 8}),
        (90, False, True, True, {"ld.global.b64": 8, "red.global.add.u64": 32}),
        (80, False, True, False, {"red.global.add.f32": 32}),
    ],
)
def test_backward_does_no_more_than_is_needed(
    capability: int,
    need_image: bool,
    need_table: bool,
    deterministic: bool,
    expected: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image, table = torch.zeros(2, 3, 64, 64), torch.zeros(1, 3, 5, 5, 5)
    args = (image, image, table, "trilinear", need_image, need_table, deterministic)
    accesses, _ = _compile(monkeypatch, capability, "backward", *args)
    assert accesses == {"ld.global.b32": 6, **expected}
