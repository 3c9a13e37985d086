"""LUT files of every format, by their extension."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lutgrade.errors import InputError
from lutgrade.lut import ocio
from lutgrade.lut.cube import read_cube, write_cube
from lutgrade.lut.cube_header import MAX_CUBE_SIZE
from lutgrade.lut.hald import hald_size, read_hald, write_hald
from lutgrade.lut.lut import BAKED_SIZE, Lut
from lutgrade.ops.lut3d import MAX_SIZE

_PICTURES = (".png", ".tif", ".tiff")
_READERS: dict[str, Callable[[str | Path], Lut]] = {
    ".cube": read_cube,
    **dict.fromkeys(_PICTURES, read_hald),
    **dict.fromkeys(ocio.READABLE, ocio.read_ocio),
}
_WRITERS: dict[str, Callable[[Lut, str | Path], Path]] = {
    ".cube": write_cube,
    **dict.fromkeys(_PICTURES, write_hald),
    **dict.fromkeys((*ocio.CHAINS, *ocio.CUBES), ocio.write_ocio),
}
_SHAPING = (".cube", *ocio.CHAINS)  # formats that hold a shaper
_CLIPPING = (".3dl", *_PICTURES)  # formats of integers
_ROUNDING = 1e-4  # half a code of 12 bits
READABLE = tuple(sorted(_READERS))
WRITABLE = tuple(sorted(_WRITERS))


def load(path: str | Path, *, largest: int = MAX_SIZE) -> Lut:
    """Reads a LUT file; the extension names the format (`READABLE`), pictures are HaldCLUTs.

    Args:
        path: the file.
        largest: nodes a side that are taken; by default what can be applied, and files have up to 256.

    Raises:
        InputError: an unknown extension, content that cannot be read, or more nodes than the operator takes.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _READERS:
        raise InputError(f"{path}: the LUT files that can be read are {' '.join(READABLE)}")
    lut = _READERS[suffix](path)
    if lut.size > largest:
        raise InputError(
            f"{path}: {lut.size} nodes a side are more than the {largest} that can be applied; "
            "`lutgrade lut convert --size 65` makes a LUT that can"
        )
    return lut


def save(lut: Lut, path: str | Path) -> Path:
    """Writes one LUT, whole or not at all; the extension names the format (`WRITABLE`), pictures are HaldCLUTs.

    `.cube`, `.clf` and `.ctf` keep domain and shaper; the others take the domain [0, 1] alone. Pictures and `.3dl`
    hold 16 and 12 bits, clipped to [0, 1].

    Raises:
        InputError: an unknown extension, a LUT that the format cannot hold, or a path that cannot be written.
    """
    return _WRITERS[check_suffix(path)](lut, path)


def check_suffix(path: str | Path) -> str:
    """The extension in lower case; an InputError unless LUT files of it are written."""
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITERS:
        raise InputError(f"{path}: the LUT files that can be written are {' '.join(WRITABLE)}")
    return suffix


def convert(source: str | Path, target: str | Path, *, size: int | None = None, strength: float = 1.0) -> list[str]:
    """Writes the LUT of one file as another, and returns what that changed, in words.

    Args:
        source: a readable file of any size.
        target: the file to write.
        size: nodes a side, None for as many as there are (65 at the least where a shaper has to be baked in).
        strength: as in `Lut.blend`.

    Raises:
        InputError: as `load` and `save`.
    """
    suffix = check_suffix(target)
    loaded = load(source, largest=MAX_CUBE_SIZE)
    lut = loaded.blend(strength)
    if lut.shaper is not None and suffix not in _SHAPING:
        lut = lut.resize(size or max(lut.size, BAKED_SIZE))
    if size is not None:
        lut = lut.resize(size)
    if suffix in _PICTURES:
        lut = lut.resize(hald_size(lut.size))
    save(lut, target)
    changes = []
    if lut.size != loaded.size:
        changes.append(f"resampled from {loaded.size} to {lut.size} nodes a side")
    if loaded.shaper is not None and lut.shaper is None:
        changes.append(f"baked the shaper of {loaded.shaper.shape[1]} values into the cube")
    low, high = lut.table.min().item(), lut.table.max().item()
    if suffix in _CLIPPING and (low < -_ROUNDING or high > 1 + _ROUNDING):
        changes.append(f"cut values off at 0 and 1, they went from {low:.4f} to {high:.4f}")
    return changes
