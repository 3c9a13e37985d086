"""The ways to apply a LUT that the benchmark compares, each as a function to time or None where it cannot."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lutgrade.ops import apply_lut
from lutgrade.ops.reference import apply_lut_reference

Run = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One point of the benchmark."""

    image: Tensor  # [1, 3, H, W]
    table: Tensor  # [3, S, S, S]
    cube: Path  # the same table as a file
    interpolation: str
    threads: int

    @property
    def pixels(self) -> int:
        return self.image.shape[-2] * self.image.shape[-1]

    @property
    def interleaved(self) -> np.ndarray:
        return np.ascontiguousarray(self.image[0].permute(1, 2, 0).numpy())


def forward_methods(case: Case) -> dict[str, Run]:
    """Everything that can run the case forward, by name."""
    makers = {"lutgrade": _lutgrade, "grid_sample": _grid_sample, "eager torch": _reference}
    if case.image.device.type == "cuda":
        makers |= {"device copy": _copy}
    else:
        makers |= {"OpenColorIO": _opencolorio, "FFmpeg": _ffmpeg, "Pillow": _pillow}
    made = {name: make(case) for name, make in makers.items()}
    return {name: run for name, run in made.items() if run is not None}


def backward_methods(case: Case) -> dict[str, Run]:
    """The gradients, of a forward pass that is not timed."""
    if not case.image.dtype.is_floating_point:
        return {}
    image, table = case.image.clone().requires_grad_(), case.table.clone().requires_grad_()
    grad = torch.rand(image.shape, device=image.device).to(image.dtype)

    def gradient(apply: Callable[[Tensor, Tensor], Tensor], image: Tensor, table: Tensor) -> Run:
        out, wanted = apply(image, table), [t for t in (image, table) if t.requires_grad]
        return lambda: torch.autograd.grad(out, wanted, grad, retain_graph=True)

    ours = functools.partial(apply_lut, interpolation=case.interpolation)
    runs = {
        "lutgrade, both": gradient(ours, image, table),
        "lutgrade, table": gradient(ours, case.image, table),
        "lutgrade, image": gradient(ours, image, case.table),
    }
    if case.interpolation == "trilinear" and case.image.dtype == torch.float32:
        runs["grid_sample, both"] = gradient(_sampled, image, table)
        runs["grid_sample, table"] = gradient(_sampled, case.image, table)
    if case.image.device.type == "cuda":
        runs["device copy"] = _copy(case)
    return runs


def _lutgrade(case: Case) -> Run:
    return lambda: apply_lut(case.image, case.table, interpolation=case.interpolation)


def _reference(case: Case) -> Run | None:
    if case.pixels > 1 << 21:
        return None  # it takes gigabytes
    return lambda: apply_lut_reference(case.image, case.table, case.interpolation)


def _sampled(image: Tensor, table: Tensor) -> Tensor:
    grid = image.permute(0, 2, 3, 1)[:, None] * 2 - 1  # [1, 1, H, W, 3]
    return F.grid_sample(table[None], grid, padding_mode="border", align_corners=True)[:, :, 0]


def _grid_sample(case: Case) -> Run | None:
    if case.interpolation != "trilinear" or case.image.dtype != torch.float32:
        return None
    return lambda: _sampled(case.image, case.table)


def _copy(case: Case) -> Run:
    target = torch.empty_like(case.image)
    return lambda: target.copy_(case.image)


def _opencolorio(case: Case) -> Run:
    """RGBA, which OpenColorIO is fastest on, into memory that is there; rows split over threads."""
    import PyOpenColorIO as ocio

    kinds = {"trilinear": ocio.INTERP_LINEAR, "tetrahedral": ocio.INTERP_TETRAHEDRAL}
    depths = {
        torch.uint8: ocio.BIT_DEPTH_UINT8,
        torch.float16: ocio.BIT_DEPTH_F16,
        torch.float32: ocio.BIT_DEPTH_F32,
    }
    depth = depths[case.image.dtype]
    transform = ocio.FileTransform(str(case.cube), interpolation=kinds[case.interpolation])
    processor = (
        ocio.Config.CreateRaw()
        .getProcessor(transform)
        .getOptimizedCPUProcessor(depth, depth, ocio.OPTIMIZATION_DEFAULT)
    )
    rgb = case.interleaved
    source = np.dstack([rgb, np.ones_like(rgb[..., :1])])
    target = np.empty_like(source)

    def describe(pixels: np.ndarray) -> object:
        height, width, channels = pixels.shape
        item = pixels.itemsize
        strides = (item, channels * item, width * channels * item)
        return ocio.PackedImageDesc(pixels, width, height, channels, depth, *strides)

    strips = [slice(*bounds) for bounds in _split(len(source), case.threads)]
    jobs = [(describe(source[strip]), describe(target[strip])) for strip in strips]
    if case.threads == 1:
        return lambda: processor.apply(*jobs[0])
    pool = ThreadPoolExecutor(case.threads)
    return lambda: list(pool.map(lambda job: processor.apply(*job), jobs))


def _split(total: int, parts: int) -> list[tuple[int, int]]:
    return [(total * i // parts, total * (i + 1) // parts) for i in range(parts)]


def _pillow(case: Case) -> Run | None:
    if case.image.dtype != torch.uint8 or case.interpolation != "trilinear" or case.threads > 1:
        return None
    from PIL import Image, ImageFilter

    size = case.table.shape[-1]
    lut = ImageFilter.Color3DLUT(size, case.table.reshape(3, -1).T.flatten().tolist())
    image = Image.fromarray(case.interleaved)
    return lambda: image.filter(lut)


def _ffmpeg(case: Case) -> Run | None:
    """Planar frames, which FFmpeg's vector code takes."""
    formats = {torch.uint8: "gbrp", torch.float32: "gbrpf32le"}
    if case.image.dtype not in formats:
        return None
    import av

    frame = av.VideoFrame.from_ndarray(case.interleaved, format=formats[case.image.dtype])
    graph = av.filter.Graph()
    graph.threads = case.threads
    size = {"width": frame.width, "height": frame.height}
    source = graph.add_buffer(**size, format=frame.format, time_base=Fraction(1, 25))
    options = f"file={case.cube}:interp={case.interpolation}:threads={case.threads}"
    graph.link_nodes(source, graph.add("lut3d", options), graph.add("buffersink")).configure()
    frame.pts, frame.time_base = 0, Fraction(1, 25)

    def run() -> object:
        frame.pts += 1
        graph.push(frame)
        return graph.pull()

    return run
