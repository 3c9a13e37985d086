"""`.cube` files in and out: the Adobe/IRIDAS form, and the DaVinci Resolve form with a 1-D shaper.

Adobe, "Cube LUT Specification" 1.0 (2013): TITLE, LUT_1D_SIZE or LUT_3D_SIZE, DOMAIN_MIN, DOMAIN_MAX.
Resolve: LUT_1D_SIZE and LUT_3D_SIZE together (the 1-D rows come first and feed the cube), LUT_1D_INPUT_RANGE
and LUT_3D_INPUT_RANGE.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from lutgrade.errors import InputError
from lutgrade.lut.cube_header import parse_header, row_error
from lutgrade.lut.files import check_writable_lut, read_bytes, write_bytes
from lutgrade.lut.lut import Lut

DECIMALS = 6


def read_cube(path: str | Path) -> Lut:
    """Reads a `.cube` file of up to 256 nodes a side, as `parse_cube` does."""
    return parse_cube(read_bytes(path), str(path))


def write_cube(lut: Lut, path: str | Path) -> Path:
    """Writes a `.cube` file, as `format_cube`, whole or not at all."""
    return write_bytes(path, format_cube(lut).encode())


def parse_cube(content: bytes | str, name: str = "<cube>") -> Lut:
    """The LUT that the content of a `.cube` file describes, in float32.

    Takes every line ending, a byte order mark, UTF-8 or Latin-1, tabs, indents, comments anywhere (`#` to the
    end of the line), keywords in any case and order, and values outside [0, 1]. A file with 1-D rows alone
    becomes a shaper and a cube of two nodes that together are that curve, exactly (`Lut.from_curves`).

    Raises:
        InputError: anything that has no one meaning, with `name` and the line.
    """
    lines = _lines(content, name)
    header, start = parse_header(lines, name)
    curve_rows, cube_rows = header.curve_size, header.cube_size**3
    rows = _rows(lines, start, curve_rows + cube_rows, name)
    curve = torch.from_numpy(np.ascontiguousarray(rows[:curve_rows].T))  # [3, M]
    low, high = header.domain
    domain = None if low == [0, 0, 0] and high == [1, 1, 1] else torch.tensor([low, high])
    if not cube_rows:
        return Lut.from_curves(curve, domain, title=header.title)
    size = header.cube_size
    cube = rows[curve_rows:].reshape(size, size, size, 3)  # blue, green, red, channel
    table = torch.from_numpy(np.ascontiguousarray(np.moveaxis(cube, -1, 0)))
    if not curve_rows:
        return Lut(table, domain, title=header.title)
    bottom, top = header.cube_range
    shaper = ((curve.double() - bottom) / (top - bottom)).float()
    if not bool(shaper.isfinite().all()):
        raise InputError(f"{name}: LUT_3D_INPUT_RANGE {bottom:g} {top:g} is too narrow for the 1-D values")
    return Lut(table, domain, shaper, header.title)


def format_cube(lut: Lut) -> str:
    """The `.cube` file of one LUT: R fastest, six decimals, LF, no domain line where it is [0, 1].

    A shaper is written as Resolve has it, its title in a comment: OpenColorIO takes no TITLE in that form.

    Raises:
        InputError: a batch, values that are not finite, or a shaper whose channels have different domains.
    """
    check_writable_lut(lut, ".cube file")
    title = " ".join(lut.title.replace('"', "'").split())
    lines = [f'{"# " if lut.shaper is not None else ""}TITLE "{title}"'] if title else []
    rows = [lut.table.detach().flatten(1).T]  # R is the last axis, so it runs fastest
    if lut.shaper is None:
        lines += [f"LUT_3D_SIZE {lut.size}", *_domain_lines(lut)]
    else:
        rows.insert(0, lut.shaper.detach().T)
        lines += [
            f"LUT_1D_SIZE {lut.shaper.shape[1]}",
            f"LUT_1D_INPUT_RANGE {_shaper_range(lut)}",
            f"LUT_3D_SIZE {lut.size}",
            "LUT_3D_INPUT_RANGE 0.0 1.0",
        ]
    return "\n".join(lines) + "\n" + "".join(_format_rows(r.cpu().double().numpy()) for r in rows)


def as_written(lut: Lut) -> Lut:
    """The LUT without a shaper that its `.cube` file gives back."""
    return dataclasses.replace(lut, table=lut.table.double().round(decimals=DECIMALS).to(lut.table))


def _lines(content: bytes | str, name: str) -> list[str]:
    """Text lines, whatever ends them; only CR and LF do (Latin-1's 0x85 must not)."""
    if isinstance(content, bytes):
        content = content.removeprefix(b"\xef\xbb\xbf")
        if b"\0" in content:
            raise InputError(f"{name}, line 1: this is not a text file, so not a .cube")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
    else:
        text = content
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _rows(lines: list[str], start: int, expected: int, name: str) -> np.ndarray:
    """The rows `[N, 3]` from line index `start` on, as float32."""
    body = lines[start:]
    if not body:
        raise row_error(lines, start, expected, name)
    try:
        values = np.loadtxt(body, dtype=np.float64, comments="#", ndmin=2)
    except ValueError as error:  # NumPy counts rows, not the lines of the file
        raise row_error(lines, start, expected, name) from error
    with np.errstate(over="ignore"):
        rows = values.astype(np.float32)
    if rows.shape != (expected, 3) or not np.isfinite(rows).all():
        raise row_error(lines, start, expected, name)
    return rows


def _format_rows(rows: np.ndarray) -> str:
    values = np.round(rows, DECIMALS) + 0.0  # no "-0.000000"
    row = " ".join([f"%.{DECIMALS}f"] * 3) + "\n"
    return (row * len(rows)) % tuple(values.ravel().tolist())


def _domain_lines(lut: Lut) -> list[str]:
    if lut.domain is None or lut.unit_domain:
        return []
    low, high = lut.domain.tolist()
    return [f"DOMAIN_MIN {_numbers(low)}", f"DOMAIN_MAX {_numbers(high)}"]


def _shaper_range(lut: Lut) -> str:
    low, high = ([0.0] * 3, [1.0] * 3) if lut.domain is None else lut.domain.tolist()
    if len(set(low)) > 1 or len(set(high)) > 1:
        raise InputError(
            "a .cube file holds one input range for the shapers of all channels, this LUT one for each; "
            "a new size (resize) bakes them in"
        )
    return _numbers([low[0], high[0]])


def _numbers(values: Sequence[float]) -> str:
    return " ".join(np.format_float_positional(np.float32(v), trim="0") for v in values)
