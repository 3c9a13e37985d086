"""The C kernels: finding them, describing tensors to them, and sharing out their work."""

from __future__ import annotations

import ctypes
import functools
import importlib.util

import torch
from torch import Tensor

from lutgrade.errors import LutgradeError
from lutgrade.ops.threads import parallel_for

_DTYPES = {  # the numbers of csrc/pixels.h
    torch.uint8: 0,
    torch.uint16: 1,
    torch.float16: 2,
    torch.bfloat16: 3,
    torch.float32: 4,
    torch.float64: 5,
}
_BLOCKS = 512  # the least work that is worth a thread, in blocks of 64 pixels
_NODES = 65536  # and in nodes
_LARGE = 1 << 22  # bytes from which an output's pages matter


class _View(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("stride", ctypes.c_int64 * 4))

    @classmethod
    def of(cls, tensor: Tensor | None) -> _View:
        return cls() if tensor is None else cls(tensor.data_ptr(), tensor.stride())


class _Job(ctypes.Structure):
    _fields_ = (
        ("image", _View),
        ("graded", _View),
        ("gradient", _View),
        ("table", ctypes.c_void_p),
        ("table_stride", ctypes.c_int64),
        ("batch", ctypes.c_int64),
        ("height", ctypes.c_int64),
        ("width", ctypes.c_int64),
        ("size", ctypes.c_int32),
        ("dtype", ctypes.c_int32),
        ("tetrahedral", ctypes.c_int32),
    )


class _Kernels:
    """The library's functions for one arithmetic type."""

    def __init__(self, library: ctypes.CDLL, suffix: str) -> None:
        self.prepare = library.lut3d_prepare
        self.prepare.argtypes, self.prepare.restype = [ctypes.c_void_p, ctypes.c_int64], None
        job, pointer, integer = ctypes.POINTER(_Job), ctypes.c_void_p, ctypes.c_int64
        self.blocks = getattr(library, f"lut3d_blocks_{suffix}")
        self.blocks.argtypes, self.blocks.restype = [job], integer
        self.forward = getattr(library, f"lut3d_forward_{suffix}")
        self.forward.argtypes, self.forward.restype = [job, integer, integer], None
        self.backward = getattr(library, f"lut3d_backward_{suffix}")
        self.backward.argtypes, self.backward.restype = [job, pointer, integer, integer], None
        self.pack = getattr(library, f"lut3d_pack_{suffix}")
        self.pack.argtypes, self.pack.restype = [pointer, pointer, *[integer] * 3], None
        self.unpack_sum = getattr(library, f"lut3d_unpack_sum_{suffix}")
        self.unpack_sum.argtypes, self.unpack_sum.restype = [pointer, integer, pointer, *[integer] * 3], None


@functools.cache
def _library() -> ctypes.CDLL | None:
    spec = importlib.util.find_spec("lutgrade.ops._lut3d")
    if spec is None or spec.origin is None:
        return None
    try:
        return ctypes.CDLL(spec.origin)
    except OSError:  # built for another machine
        return None


@functools.cache
def _kernels(suffix: str) -> _Kernels:
    return _Kernels(library(), suffix)


def available() -> bool:
    """Whether the compiled library was found."""
    return _library() is not None


def library() -> ctypes.CDLL:
    """The compiled library; a LutgradeError where there is none."""
    found = _library()
    if found is None:
        raise LutgradeError("the C kernels of lutgrade were not built; reinstall it where there is a C compiler")
    return found


def packed_table(table: Tensor) -> Tensor:
    """A table `[3, S, S, S]` as the kernels read it, `[nodes, 4]` float32."""
    return _packed(_kernels("f32"), table[None], torch.float32)[0]


def forward(image: Tensor, table: Tensor, interpolation: str) -> Tensor:
    """`lutgrade::lut3d` on the CPU: image `[B, 3, H, W]`, table `[1 or B, 3, S, S, S]`."""
    graded = _fresh(torch.empty_like(image))
    if image.numel() == 0:
        return graded
    kernels, packed = _pack(image, table)
    job = _job(image, graded, None, packed, table, interpolation)
    parallel_for(lambda begin, end: kernels.forward(job, begin, end), kernels.blocks(job), grain=_BLOCKS)
    return graded


def backward(
    grad: Tensor, image: Tensor, table: Tensor, interpolation: str, need_image: bool, need_table: bool
) -> tuple[Tensor | None, Tensor | None]:
    """`lutgrade::lut3d_backward` on the CPU: the gradients of image and table, None where not needed.

    The same bits come out whatever the number of threads.
    """
    by_image = _fresh(torch.empty_like(image)) if need_image else None
    if image.numel() == 0:
        return by_image, table.new_zeros(table.shape) if need_table else None
    kernels, packed = _pack(image, table)
    job = _job(image, grad.to(image.dtype), by_image, packed, table, interpolation)
    if need_table:
        return by_image, _table_gradient(kernels, job, table, packed.dtype).to(table.dtype)
    parallel_for(lambda begin, end: kernels.backward(job, None, begin, end), kernels.blocks(job), grain=_BLOCKS)
    return by_image, None


def _table_gradient(kernels: _Kernels, job: _Job, table: Tensor, dtype: torch.dtype) -> Tensor:
    """Runs the backward pass in parts, each with a packed gradient of its own, and sums those in order.

    The parts depend on the shapes alone, which keeps the sums the same for any number of threads.
    """
    tables, nodes = table.shape[0], table.shape[-1] ** 3
    blocks = kernels.blocks(job) // tables
    parts = _parts(job.batch * job.height * job.width // tables, nodes)
    partial = _fresh(torch.empty(tables, parts, nodes, 4, dtype=dtype))
    total = torch.empty(table.shape, dtype=dtype)

    def run(begin: int, end: int) -> None:
        for index in range(begin, end):
            first, part = index // parts * blocks, index % parts
            bounds = (first + blocks * part // parts, first + blocks * (part + 1) // parts)
            kernels.backward(job, _pointer(partial, index * nodes * 4), *bounds)

    parallel_for(run, tables * parts, grain=1)
    for i in range(tables):
        source, target = _pointer(partial, i * parts * nodes * 4), _pointer(total, i * nodes * 3)
        unpack = functools.partial(kernels.unpack_sum, source, parts, target, nodes)
        parallel_for(unpack, nodes, grain=_NODES)
    return total


def _parts(pixels: int, nodes: int) -> int:
    """Enough parts to share out, few enough that clearing and summing them stays a small share of the work."""
    return min(64, 1 << (pixels // (4 * nodes)).bit_length())


def _pack(image: Tensor, table: Tensor) -> tuple[_Kernels, Tensor]:
    """The kernels of the arithmetic that the image asks for, and the table as they read it, `[B, nodes, 4]`."""
    dtype, suffix = (torch.float64, "f64") if image.dtype == torch.float64 else (torch.float32, "f32")
    kernels = _kernels(suffix)
    if table.stride(0) == 0:  # expanded: one table serves all
        table = table[:1]
    return kernels, _packed(kernels, table, dtype)


def _packed(kernels: _Kernels, table: Tensor, dtype: torch.dtype) -> Tensor:
    planes = table.to(dtype).contiguous()
    count, nodes = len(planes), planes.shape[-1] ** 3
    packed = torch.empty(count, nodes, 4, dtype=dtype)
    for i in range(count):
        pack = functools.partial(kernels.pack, _pointer(planes, i * nodes * 3), _pointer(packed, i * nodes * 4), nodes)
        parallel_for(pack, nodes, grain=_NODES)
    return packed


def _job(
    image: Tensor, graded: Tensor, gradient: Tensor | None, packed: Tensor, table: Tensor, interpolation: str
) -> _Job:
    """What the kernels are to do; it keeps the tensors alive that it points to."""
    batch, _, height, width = image.shape
    views = [view for view in (image, graded, gradient) if view is not None]
    if all(view.stride(2) == width * view.stride(3) for view in views):
        height, width = 1, height * width  # one long row has one ragged block
    job = _Job(
        _View.of(image),
        _View.of(graded),
        _View.of(gradient),
        packed.data_ptr(),
        packed.stride(0) if len(packed) > 1 else 0,
        batch,
        height,
        width,
        table.shape[-1],
        _DTYPES[image.dtype],
        interpolation == "tetrahedral",
    )
    job.tensors = (*views, packed)
    return job


def _fresh(tensor: Tensor) -> Tensor:
    """Memory that nobody has written yet, in large pages where it is large."""
    if tensor.nbytes >= _LARGE:
        _kernels("f32").prepare(tensor.data_ptr(), tensor.nbytes)
    return tensor


def _pointer(tensor: Tensor, offset: int) -> int:
    return tensor.data_ptr() + offset * tensor.element_size()
