"""The contact sheet: every shot before and after its grade, beside the reference, with their scopes."""

from __future__ import annotations

import bisect
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from PIL import Image, ImageDraw
from torch import Tensor

from lutgrade.video.drawing import BACKGROUND, DIM_TEXT, LINE, PANEL, TEXT, font, to_picture, to_tensor
from lutgrade.video.scopes import vectorscope, waveform

_AREA = 320 * 180  # of a thumbnail, in pixels, whatever its shape
_ASPECTS = (0.6, 2.4)  # of a cell; pictures beyond are fitted into it
_SCOPE_HEIGHTS = (160, 200)
_LABEL_WIDTH = 176
_WAVEFORM_WIDTH = 240
_GAP = 14
_MARGIN = 28
_TITLE_SIZE, _TEXT_SIZE, _SMALL_SIZE = 22, 14, 12
_LINE_HEIGHT = 19
_CAPTION = 22


@dataclass(frozen=True)
class SheetRow:
    """A shot on the sheet: a heading, lines of small print, and its key frame `[3, h, w]` before and after.

    `reference` is shown beside them where the shots have references of their own.
    """

    label: str
    before: Tensor
    after: Tensor
    details: Sequence[str] = ()
    reference: Tensor | None = None


def contact_sheet(
    rows: Sequence[SheetRow],
    *,
    title: str,
    notes: Sequence[str] = (),
    reference: Tensor | None = None,
    max_rows: int = 24,
) -> Tensor:
    """Draws the contact sheet, made to be looked at without scaling.

    Args:
        rows: one per shot, images sRGB-encoded in [0, 1]; sizes and shapes may differ.
        title: the heading.
        notes: lines below it, such as the model and the strength.
        reference: `[3, h, w]`, shown at the top with its scopes, above those of the graded frames.
        max_rows: of more shots than these, so many are drawn, evenly spaced, and a line says how many are left out.

    Returns:
        `[3, H, W]` in [0, 1]; about 1,800 pixels wide, and 210 high per row.

    Raises:
        ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("a contact sheet needs at least one row")
    shown = _evenly(rows, max_rows)
    if len(shown) < len(rows):
        notes = [*notes, f"{len(shown)} of {len(rows)} shots, evenly spaced"]
    grid = _Grid.around(shown)
    header = max(_CAPTION + grid.height if reference is not None else 0, 40 + _LINE_HEIGHT * len(notes))
    top = _MARGIN + header + 2 * _GAP
    pitch = grid.height + 2 * _GAP
    sheet = Image.new("RGB", (grid.width, top + _CAPTION + len(shown) * pitch + _GAP), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    _draw_title(draw, grid, title, notes)
    if reference is not None:
        _draw_reference(sheet, draw, grid, reference)
    for name, x in grid.columns.items():
        draw.text((x, top), name, DIM_TEXT, font(_SMALL_SIZE))
    for index, row in enumerate(shown):
        _draw_row(sheet, draw, grid, row, top + _CAPTION + index * pitch)
    return to_tensor(sheet)


def timecode(frame: int, frame_rate: Fraction | float) -> str:
    """`hh:mm:ss:ff` of a frame counted from 0, without drop frames."""
    per_second = max(1, round(frame_rate))
    seconds, frames = divmod(frame, per_second)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{frames:02}"


@dataclass(frozen=True)
class _Grid:
    """Where things stand: the size of a thumbnail's cell, of the scopes, and the left edge of every column."""

    cell: tuple[int, int]
    scope_height: int
    columns: dict[str, int]
    width: int

    @classmethod
    def around(cls, rows: Sequence[SheetRow]) -> _Grid:
        """The grid whose cells have the shape that is usual among the rows."""
        usual = statistics.median(row.before.shape[-1] / row.before.shape[-2] for row in rows)
        aspect = min(max(usual, _ASPECTS[0]), _ASPECTS[1])
        cell = (round(math.sqrt(_AREA * aspect)), round(math.sqrt(_AREA / aspect)))
        scope = min(max(cell[1], _SCOPE_HEIGHTS[0]), _SCOPE_HEIGHTS[1])
        widths = {"Shot": _LABEL_WIDTH, "Before": cell[0], "After": cell[0]}
        if any(row.reference is not None for row in rows):
            widths["Reference"] = cell[0]
        widths |= {"Waveform before": _WAVEFORM_WIDTH, "Waveform after": _WAVEFORM_WIDTH}
        widths |= {"Vectorscope before": scope, "Vectorscope after": scope}
        columns, x = {}, _MARGIN
        for name, width in widths.items():
            columns[name] = x
            x += width + _GAP
        return cls(cell, scope, columns, x - _GAP + _MARGIN)

    @property
    def height(self) -> int:
        return max(self.cell[1], self.scope_height)


def _evenly(rows: Sequence[SheetRow], most: int) -> list[SheetRow]:
    if len(rows) <= most:
        return list(rows)
    return [rows[index * len(rows) // most] for index in range(most)]


def _draw_title(draw: ImageDraw.ImageDraw, grid: _Grid, title: str, notes: Sequence[str]) -> None:
    width = grid.columns["After"] - _MARGIN - 2 * _GAP
    _write(draw, (_MARGIN, _MARGIN - 4), title, width, _TITLE_SIZE, TEXT)
    for index, note in enumerate(notes):
        at = (_MARGIN, _MARGIN + 36 + index * _LINE_HEIGHT)
        _write(draw, at, note, width, _TEXT_SIZE, DIM_TEXT)


def _draw_reference(sheet: Image.Image, draw: ImageDraw.ImageDraw, grid: _Grid, reference: Tensor) -> None:
    """The reference and its scopes, above those of the graded frames, which they are to be compared with."""
    x, y = grid.columns["After"], _MARGIN
    draw.text((x, y), "Reference", DIM_TEXT, font(_SMALL_SIZE))
    _paste(sheet, reference, (x, y + _CAPTION), grid.cell)
    _paste_scopes(sheet, grid, reference, "after", y + _CAPTION)


def _draw_row(sheet: Image.Image, draw: ImageDraw.ImageDraw, grid: _Grid, row: SheetRow, y: int) -> None:
    draw.line((_MARGIN, y - 4, grid.width - _MARGIN, y - 4), LINE)
    y += _GAP // 2
    _write(draw, (_MARGIN, y), row.label, _LABEL_WIDTH, _TEXT_SIZE, TEXT)
    for index, line in enumerate(row.details, start=1):
        at = (_MARGIN, y + 4 + index * _LINE_HEIGHT)
        _write(draw, at, line, _LABEL_WIDTH, _SMALL_SIZE, DIM_TEXT)
    _paste(sheet, row.before, (grid.columns["Before"], y), grid.cell)
    _paste(sheet, row.after, (grid.columns["After"], y), grid.cell)
    if row.reference is not None:
        _paste(sheet, row.reference, (grid.columns["Reference"], y), grid.cell)
    _paste_scopes(sheet, grid, row.before, "before", y)
    _paste_scopes(sheet, grid, row.after, "after", y)


def _paste_scopes(sheet: Image.Image, grid: _Grid, image: Tensor, state: str, y: int) -> None:
    size = grid.scope_height
    wave = waveform(image, width=_WAVEFORM_WIDTH, height=size)
    sheet.paste(to_picture(wave), (grid.columns[f"Waveform {state}"], y))
    sheet.paste(to_picture(vectorscope(image, size=size)), (grid.columns[f"Vectorscope {state}"], y))


def _paste(sheet: Image.Image, image: Tensor, at: tuple[int, int], cell: tuple[int, int]) -> None:
    """Fits an image into the middle of a cell, whole."""
    height, width = image.shape[-2:]
    scale = min(cell[0] / width, cell[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    sheet.paste(PANEL, (*at, at[0] + cell[0], at[1] + cell[1]))
    corner = (at[0] + (cell[0] - size[0]) // 2, at[1] + (cell[1] - size[1]) // 2)
    sheet.paste(to_picture(image).resize(size, Image.Resampling.LANCZOS), corner)


def _write(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, width: int, size: int, color: tuple[int, int, int]
) -> None:
    """A line of text, shortened at its end to a width in pixels."""
    face = font(size, ascii_only=text.isascii())
    if face.getlength(text) > width:
        lengths = range(len(text))
        fitting = bisect.bisect_right(lengths, width, key=lambda n: math.ceil(face.getlength(text[:n] + "...")))
        text = text[: max(0, fitting - 1)].rstrip() + "..."
    draw.text(at, text, color, face)
