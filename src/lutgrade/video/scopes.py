"""Waveform, RGB parade, vectorscope and histogram of an image, as pictures with a graticule.

The signals are those of BT.709 video: luma and colour difference of the gamma-encoded R'G'B' values.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from lutgrade.video.drawing import ACCENT, DIM_TEXT, FAINT_LINE, LINE, PANEL, font, to_tensor

_LUMA = (0.2126, 0.7152, 0.0722)  # BT.709
_CB_SCALE, _CR_SCALE = 1.8556, 1.5748  # 2 (1 - Kb), 2 (1 - Kr)
_TRACE = (0.72, 1.0, 0.78)  # a phosphor's green-white
_CHANNELS = ((1.0, 0.30, 0.26), (0.30, 0.95, 0.36), (0.36, 0.55, 1.0))
_SAMPLES = 160_000  # pixels that are counted; more change no trace
_LABEL_SIZE = 10
_LABEL_WIDTH = 26
_MARGIN = 8
_SKIN_TONE_DEGREES = 123.0  # the +I axis of NTSC, from +Cb towards +Cr
_TARGETS = {"R": (1, 0, 0), "Mg": (1, 0, 1), "B": (0, 0, 1), "Cy": (0, 1, 1), "G": (0, 1, 0), "Yl": (1, 1, 0)}
_TARGET_LEVEL = 0.75
_CHROMA_RANGE = 0.56  # of Cb and Cr from the middle to the edge; full-level primaries lie at 0.51


def waveform(image: Tensor, *, width: int = 320, height: int = 200) -> Tensor:
    """Luma over the picture's columns, 0 to 100 %.

    Args:
        image: `[3, H, W]`, sRGB-encoded in [0, 1].
        width, height: of the scope's picture, in pixels.

    Returns:
        `[3, height, width]` in [0, 1].
    """
    scope, (left, top, right, bottom) = _level_graticule(width, height)
    trace = _level_trace(_luma(_sampled(image)), right - left, bottom - top)
    _glow(scope[:, top:bottom, left:right], trace, _TRACE)
    return scope


def rgb_parade(image: Tensor, *, width: int = 320, height: int = 200) -> Tensor:
    """The waveforms of R, G and B side by side; arguments and result as `waveform`."""
    scope, (left, top, right, bottom) = _level_graticule(width, height)
    gap = 4
    each = (right - left - 2 * gap) // 3
    for index, (channel, color) in enumerate(zip(_sampled(image), _CHANNELS, strict=True)):
        start = left + index * (each + gap)
        _glow(scope[:, top:bottom, start : start + each], _level_trace(channel, each, bottom - top), color)
    return scope


def vectorscope(image: Tensor, *, size: int = 200) -> Tensor:
    """Cb (to the right) against Cr (upwards), with targets at 75 % colour bars and the skin-tone line.

    Args:
        image: `[3, H, W]`, sRGB-encoded in [0, 1].
        size: of the scope's picture, in pixels.

    Returns:
        `[3, size, size]` in [0, 1].
    """
    scope = _vector_graticule(size).clone()
    cb, cr = _chroma(_sampled(image))
    x = ((cb / _CHROMA_RANGE + 1) / 2).flatten() * (size - 1)
    y = ((1 - cr / _CHROMA_RANGE) / 2).flatten() * (size - 1)
    counts = _splat(x, y, size, size)
    _glow(scope, _brightness(counts / counts.sum(), gain=400.0), _hues(size))
    return scope


def histogram(image: Tensor, *, width: int = 320, height: int = 200) -> Tensor:
    """How often each level occurs in R, G and B, overlaid; arguments and result as `waveform`.

    The tallest column that is not black or white reaches the top.
    """
    scope, (left, top, right, bottom) = _count_graticule(width, height)
    columns, rows = right - left, bottom - top
    levels = (_sampled(image).flatten(1).clamp(0, 1) * 255).round().long()
    counts = torch.stack([torch.bincount(channel, minlength=256) for channel in levels]).float()  # [3, 256]
    inner = counts[:, 1:-1].amax() if counts[:, 1:-1].any() else counts.amax()
    bars = torch.nn.functional.interpolate(counts[None], columns, mode="linear", align_corners=True)[0]
    filled = torch.arange(rows, 0, -1)[:, None] <= (bars / inner * rows)[:, None, :]  # [3, rows, columns]
    area = scope[:, top:bottom, left:right]
    for bar, color in zip(filled, _CHANNELS, strict=True):
        _glow(area, bar.float() * 0.6, color)
    return scope


def _sampled(image: Tensor) -> Tensor:
    """Every n-th pixel: averaging would invent levels that the image does not hold."""
    step = max(1, math.isqrt(image.shape[-2] * image.shape[-1] // _SAMPLES))
    return image[:, ::step, ::step].detach().cpu().float().nan_to_num(0.0).clamp(0, 1)


def _luma(image: Tensor) -> Tensor:
    return torch.einsum("c,chw->hw", image.new_tensor(_LUMA), image)


def _chroma(image: Tensor) -> tuple[Tensor, Tensor]:
    luma = _luma(image)
    return (image[2] - luma) / _CB_SCALE, (image[0] - luma) / _CR_SCALE


def _level_trace(channel: Tensor, columns: int, rows: int) -> Tensor:
    """Levels `[h, w]` to brightness `[rows, columns]`, white above."""
    height, width = channel.shape
    if width < columns:  # repeat columns, so that none of the scope stays empty
        channel, width = channel[:, torch.arange(columns) * width // columns], columns
    x = (torch.arange(width) * columns // width).float().expand(height, width)
    counts = _splat(x.flatten(), (1 - channel.flatten()) * (rows - 1), columns, rows)
    return _brightness(counts / counts.sum(dim=0, keepdim=True), gain=24.0)


def _splat(x: Tensor, y: Tensor, columns: int, rows: int) -> Tensor:
    """Counts points on a grid `[rows, columns]`, each shared between the four cells that it lies between."""
    x0, y0 = x.floor().clamp(0, columns - 1), y.floor().clamp(0, rows - 1)
    fx, fy = x - x0, y - y0
    grid = torch.zeros(rows * columns)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        index = (y0 + dy).clamp(max=rows - 1) * columns + (x0 + dx).clamp(max=columns - 1)
        weight = (fx if dx else 1 - fx) * (fy if dy else 1 - fy)
        grid += torch.bincount(index.long(), weight, minlength=rows * columns).float()
    return grid.view(rows, columns)


def _brightness(density: Tensor, gain: float) -> Tensor:
    """Density to brightness in [0, 1], with a gamma that keeps rare levels visible."""
    return (density * gain).clamp(0, 1) ** 0.45


def _glow(area: Tensor, brightness: Tensor, color: tuple[float, float, float] | Tensor) -> None:
    """Adds light of a colour (three values or `[3, h, w]`) to a view `[3, h, w]` of the picture, as a screen does."""
    light = brightness * torch.as_tensor(color).view(3, *(brightness.shape if torch.is_tensor(color) else (1, 1)))
    area.copy_(1 - (1 - area) * (1 - light))


def _hues(size: int) -> Tensor:
    """The colour of every place of the vectorscope, `[3, size, size]`, bright and not too vivid."""
    axis = torch.linspace(-1, 1, size)
    cb, cr = axis.expand(size, size), -axis[:, None].expand(size, size)
    red, blue = cr * _CR_SCALE, cb * _CB_SCALE
    green = -(_LUMA[0] * red + _LUMA[2] * blue) / _LUMA[1]
    chroma = torch.stack([red, green, blue])
    return (chroma - chroma.amax(dim=0) + 1).clamp(0.35, 1)


def _level_graticule(width: int, height: int) -> tuple[Tensor, tuple[int, int, int, int]]:
    """A line at every quarter from 0 to 100 %, and the box (left, top, right, bottom) that the trace fills."""
    box = (_LABEL_WIDTH, _MARGIN, width - _MARGIN, height - _MARGIN)
    left, top, right, bottom = box
    picture = Image.new("RGB", (width, height), PANEL)
    draw = ImageDraw.Draw(picture)
    for percent in (0, 25, 50, 75, 100):
        y = bottom - 1 - round(percent / 100 * (bottom - top - 1))
        draw.line((left, y, right - 1, y), LINE if percent in (0, 100) else FAINT_LINE)
        draw.text((left - 4, y), str(percent), DIM_TEXT, font(_LABEL_SIZE), anchor="rm")
    return to_tensor(picture), box


def _count_graticule(width: int, height: int) -> tuple[Tensor, tuple[int, int, int, int]]:
    """The same for a level that grows to the right, labelled below."""
    box = (_MARGIN, _MARGIN, width - _MARGIN, height - _MARGIN - _LABEL_SIZE)
    left, top, right, bottom = box
    picture = Image.new("RGB", (width, height), PANEL)
    draw = ImageDraw.Draw(picture)
    for percent, anchor in ((0, "lt"), (25, "mt"), (50, "mt"), (75, "mt"), (100, "rt")):
        x = left + round(percent / 100 * (right - left - 1))
        draw.line((x, top, x, bottom), LINE if percent in (0, 100) else FAINT_LINE)
        draw.text((x, bottom + 4), str(percent), DIM_TEXT, font(_LABEL_SIZE), anchor=anchor)
    return to_tensor(picture), box


@cache
def _vector_graticule(size: int) -> Tensor:
    """Circle, axes, targets and skin-tone line; drawn larger and reduced, which smooths them."""
    scale = 4
    big = Image.new("RGB", (size * scale, size * scale), PANEL)
    draw = ImageDraw.Draw(big)
    places = {name: _target(rgb, size) for name, rgb in _TARGETS.items()}
    middle, radius = size * scale / 2, size * scale / 2 * 0.5 / _CHROMA_RANGE
    draw.line((middle - radius, middle, middle + radius, middle), FAINT_LINE, scale)
    draw.line((middle, middle - radius, middle, middle + radius), FAINT_LINE, scale)
    circle = (middle - radius, middle - radius, middle + radius, middle + radius)
    draw.ellipse(circle, outline=LINE, width=scale)
    angle = math.radians(_SKIN_TONE_DEGREES)
    tip = (middle + radius * math.cos(angle), middle - radius * math.sin(angle))
    draw.line((middle, middle, *tip), ACCENT, scale)
    for x, y in places.values():
        box = [(value + offset) * scale for offset in (-4.5, 4.5) for value in (x, y)]
        draw.rectangle(box, outline=DIM_TEXT, width=scale)
    picture = big.resize((size, size), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture)
    for name, (x, y) in places.items():
        outward = 1 + 13 / math.hypot(x - size / 2, y - size / 2)
        at = (size / 2 + (x - size / 2) * outward, size / 2 + (y - size / 2) * outward)
        draw.text(at, name, DIM_TEXT, font(_LABEL_SIZE), anchor="mm")
    return to_tensor(picture)


def _target(rgb: tuple[int, int, int], size: int) -> tuple[float, float]:
    """Where a 75 % colour bar lies on the vectorscope, in pixels."""
    cb, cr = _chroma(torch.tensor(rgb).view(3, 1, 1) * _TARGET_LEVEL)
    return (float(cb) / _CHROMA_RANGE + 1) / 2 * (size - 1), (1 - float(cr) / _CHROMA_RANGE) / 2 * (size - 1)
