"""Timing side by side, and what a result must say about where it was taken."""

from __future__ import annotations

import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from lutgrade.provenance import commit

CONTENT = "fractal noise (a photograph's 1/f spectrum) of three correlated channels, with grain of 1 % of the range"


def photograph(height: int, width: int, *, seed: int = 0) -> Tensor:
    """An image like a photograph, `[1, 3, H, W]` in [0, 1]: smooth areas, edges, texture, grain (`CONTENT`)."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.zeros(1, 3, height, width)
    cells = 3
    while cells < min(height, width):
        grey, tint = (torch.randn(1, c, cells, cells * 2, generator=generator) for c in (1, 3))
        octave = (grey + 0.4 * tint) / cells**0.8
        image += F.interpolate(octave, size=(height, width), mode="bilinear", align_corners=False)
        cells *= 2
    image = 0.45 + 0.22 * (image - image.mean()) / image.std()
    return image.add_(torch.randn(image.shape, generator=generator), alpha=0.01).clamp_(0, 1)


def measure(
    methods: Mapping[str, Callable[[], object]], *, repeats: int, budget: float, device: torch.device
) -> dict[str, float]:
    """Median seconds of each method, run in turns so that what disturbs one disturbs all.

    A method stops early, after two runs at the least, once it has taken `budget` seconds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for run in methods.values():
        run()
    for _ in range(repeats):
        for name, run in methods.items():
            taken = seconds[name]
            if len(taken) < 2 or sum(taken) < budget:
                taken.append(_seconds(run, device))
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def _seconds(run: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def environment(device: torch.device, packages: Sequence[str]) -> dict[str, str | int]:
    """The machine, the versions and the commit."""
    found = {
        "processor": _processor(),
        "cores": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
        "commit": commit(),
        "content": CONTENT,
    }
    if device.type == "cuda":
        found["device"] = torch.cuda.get_device_name(device)
    return found


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are as wide as their widest cell; all but the first are right-aligned."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    rule = [("-" * w) if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    body = [
        [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))] for row in rows
    ]
    head = [cell.ljust(width) for cell, width in zip(header, widths, strict=True)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *body])
