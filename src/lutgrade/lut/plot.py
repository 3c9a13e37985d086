"""One figure of a LUT: its curves, its lattice, its shifts of hue and a colour chart before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lutgrade.color.spaces import hsv_to_srgb, lab_to_srgb, lch_to_lab, srgb_to_lab
from lutgrade.errors import InputError
from lutgrade.files import replacing
from lutgrade.lut.lut import Lut, identity_table, sample_nodes
from lutgrade.lut.quality import SKIN

_CHANNELS = (("R", "#d5342c"), ("G", "#2f9e44"), ("B", "#2b62d9"))
_LATTICE = 11  # nodes a side that are drawn


def plot(lut: Lut, path: str | Path) -> Path:
    """Draws one LUT over sRGB-encoded [0, 1] to a picture (`.png`, `.pdf` or `.svg`, by the extension).

    Raises:
        InputError: a batch of LUTs, an extension that is no picture, or a path that cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if lut.batch is not None:
        raise InputError(f"a plot shows one LUT, not a batch of {lut.batch}")
    if Path(path).suffix.lower() not in (".png", ".pdf", ".svg"):
        raise InputError(f"{path}: a plot is a .png, .pdf or .svg file")
    lut = lut.to("cpu", torch.float32)
    figure = Figure(figsize=(13, 7.2), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 3, height_ratios=(3, 1.3))
    figure.suptitle(_heading(lut), fontsize=13, fontweight="bold", x=0.01, ha="left", parse_math=False)
    _curves(figure.add_subplot(grid[0, 0]), lut)
    _lattice(figure.add_subplot(grid[0, 1], projection="3d"), lut)
    _shifts(figure.add_subplot(grid[0, 2]), lut)
    _chart(figure.add_subplot(grid[1, :]), lut)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
    return Path(path)


def _heading(lut: Lut) -> str:
    shaper = "" if lut.shaper is None else f", shaper of {lut.shaper.shape[1]}"
    return f"{lut.title or 'LUT'}    {lut.size}³{shaper}"


def _grade(lut: Lut, image: Tensor) -> Tensor:
    return lut(image).clamp(0, 1)


def _colors(image: Tensor) -> np.ndarray:
    """Colours `[3, ...]` in any range as matplotlib's `[N, 3]`."""
    return image.clamp(0, 1).flatten(1).T.numpy()


def _curves(axes: Any, lut: Lut) -> None:
    ramp = torch.linspace(0, 1, 256)
    graded = lut(ramp.expand(3, 1, 256))[:, 0]
    axes.plot([0, 1], [0, 1], color="0.75", linewidth=1, linestyle="--")
    for (name, color), values in zip(_CHANNELS, graded, strict=True):
        axes.plot(ramp, values, color=color, linewidth=2, label=name)
    axes.set(title="Grey axis", xlabel="grey in (sRGB)", ylabel="out", xlim=(0, 1))
    axes.set_box_aspect(1)
    axes.set_ylim(min(0.0, graded.min().item()) - 0.02, max(1.0, graded.max().item()) + 0.02)
    axes.grid(color="0.92")
    axes.legend(frameon=False, loc="upper left")


def _lattice(axes: Any, lut: Lut) -> None:
    graded = sample_nodes(lut, identity_table(_LATTICE))
    points = graded.flatten(1).numpy()
    axes.scatter(*points, c=_colors(graded), s=14, depthshade=False)
    corners = torch.tensor([0.0, 1.0])
    for axis in range(3):  # the edges of the unit cube
        for a in corners:
            for b in corners:
                ends = np.full((3, 2), [0.0, 1.0])
                ends[(axis + 1) % 3], ends[(axis + 2) % 3] = a, b
                axes.plot(*ends, color="0.6", linewidth=0.8)
    ticks = (0, 0.5, 1)
    axes.set(title="Cube", xlabel="R", ylabel="G", zlabel="B", xticks=ticks, yticks=ticks, zticks=ticks)
    axes.set_box_aspect((1, 1, 1), zoom=0.95)
    axes.view_init(elev=22, azim=-58)


def _shifts(axes: Any, lut: Lut) -> None:
    """Arrows in the a*b* plane from 24 hues at two chromas to where the LUT takes them."""
    angles = torch.arange(0, 360, 15.0)
    lch = torch.stack(torch.broadcast_tensors(torch.tensor(62.0), torch.tensor([[18.0], [36.0]]), angles))
    before = lab_to_srgb(lch_to_lab(lch)).clamp(0, 1)  # [3, 2, 24]
    before = torch.cat([before, torch.full((3, 2, 1), 0.5)], -1)
    after = _grade(lut, before)
    start, end = srgb_to_lab(before).flatten(1), srgb_to_lab(after).flatten(1)
    axes.axhline(0, color="0.85", linewidth=1)
    axes.axvline(0, color="0.85", linewidth=1)
    arrows: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.004, "headwidth": 4}
    axes.quiver(*start[1:], *(end - start)[1:], color=_colors(after) * 0.85, **arrows)
    axes.scatter(*start[1:], c=_colors(before), s=22, edgecolors="0.6", linewidths=0.4)
    reach = 1.08 * max(40.0, end[1:].abs().max().item())
    axes.set(title="Hue shifts at L* = 62", xlabel="a*", ylabel="b*", aspect="equal")
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    axes.grid(color="0.94")


def _chart(axes: Any, lut: Lut) -> None:
    """Patches, each before (above) and after (below): greys, skin, hues in three strengths."""
    greys = torch.linspace(0.05, 0.95, 8).expand(3, 1, 8)
    skin = (torch.tensor(SKIN) / 255).T[:, None]
    hues = [
        hsv_to_srgb(torch.stack(torch.broadcast_tensors(torch.arange(12) / 12, *torch.tensor(strength)))[:, None])
        for strength in ((0.85, 0.95), (0.5, 0.8), (0.85, 0.45))
    ]
    before = torch.cat([greys, skin, *hues], -1)  # [3, 1, N]
    picture = torch.cat([before, _grade(lut, before)], 1).permute(1, 2, 0)
    count = picture.shape[1]
    axes.imshow(picture.numpy(), aspect="auto", interpolation="nearest", extent=(0, count, 2, 0))
    for edge in range(count + 1):
        axes.axvline(edge, color="white", linewidth=1.5)
    for edge in (8, 16, 28, 40):
        axes.axvline(edge, color="white", linewidth=6)
    axes.set(title="Greys, skin, hues: before (above) and after (below)", xticks=[], yticks=[0.5, 1.5])
    axes.set_yticklabels(["before", "after"])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
