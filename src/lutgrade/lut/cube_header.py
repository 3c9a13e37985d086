"""The header of a `.cube` file, and the search for the row that is wrong; both name the line."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from lutgrade.errors import InputError

MAX_CUBE_SIZE = 256  # Adobe's specification
MAX_CURVE_SIZE = 65536

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE | re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?(nan|inf|infinity)", re.IGNORECASE)
_TITLE_COMMENT = re.compile(r'#\s*TITLE\s+"(.*)"\s*$', re.IGNORECASE)
_ARGUMENTS = {
    "LUT_1D_SIZE": 1,
    "LUT_3D_SIZE": 1,
    "DOMAIN_MIN": 3,
    "DOMAIN_MAX": 3,
    "LUT_1D_INPUT_RANGE": 2,
    "LUT_3D_INPUT_RANGE": 2,
}
_VIDEO_RANGE = {"LUT_IN_VIDEO_RANGE", "LUT_OUT_VIDEO_RANGE"}


@dataclass(frozen=True)
class Header:
    """What stands before the rows; a size of 0 says that the file has none of those rows."""

    title: str
    curve_size: int
    cube_size: int
    domain: tuple[list[float], list[float]]  # the lowest and the highest input per channel
    cube_range: tuple[float, float]  # the curve's values at the cube's two ends


@dataclass(frozen=True)
class _Entry:
    values: list[float]
    line: int


def parse_header(lines: list[str], name: str) -> tuple[Header, int]:
    """The header, and the index of the first row's line."""
    entries: dict[str, _Entry] = {}
    titles: list[str] = []
    comment_titles: list[str] = []
    start = len(lines)
    for index, line in enumerate(lines):
        text = line.strip()
        words = text.split("#")[0].split()
        if not words:
            comment_titles += _TITLE_COMMENT.findall(text)
        elif words[0].upper() == "TITLE":
            titles.append(_title(text))
        elif words[0][0] in "+-.0123456789" or _NOT_FINITE.fullmatch(words[0]):
            start = index
            break
        else:
            _add(entries, words, index + 1, name)
    title = next((t for t in titles + comment_titles if t), "")
    return _header(entries, title, min(start + 1, len(lines)), name), start


def row_error(lines: list[str], start: int, expected: int, name: str) -> InputError:
    """The error for rows that could not be read: the first bad one, or else their number."""
    asked = f"the sizes in the header ask for {expected}"
    count = 0
    for number, line in enumerate(lines[start:], start + 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        where = f"{name}, line {number}"
        if len(words) != 3 or not all(_finite(word) for word in words):
            return InputError(f"{where}: expected three finite numbers, found {_quote(' '.join(words))}")
        count += 1
        if count > expected:
            return InputError(f"{where}: a row too many; {asked}")
    return InputError(f"{name}, line {len(lines)}: the file ends after {count} rows; {asked}")


def _add(entries: dict[str, _Entry], words: list[str], line: int, name: str) -> None:
    keyword, arguments = words[0].upper(), words[1:]
    where = f"{name}, line {line}"
    if keyword in _VIDEO_RANGE:
        raise InputError(f"{where}: {keyword} asks for video levels; export the LUT for full (data) levels")
    if keyword not in _ARGUMENTS:
        raise InputError(f"{where}: {_quote(words[0])} is no keyword of a .cube file")
    if len(arguments) != _ARGUMENTS[keyword] or not all(_finite(a) for a in arguments):
        count, found = _ARGUMENTS[keyword], _quote(" ".join(arguments))
        raise InputError(f"{where}: {keyword} takes {count} finite number{'s'[: count > 1]}, found {found}")
    entry = _Entry([_float32(a) for a in arguments], line)
    earlier = entries.setdefault(keyword, entry)
    if earlier.values != entry.values:
        raise InputError(f"{where}: {keyword} contradicts line {earlier.line}")


def _header(entries: dict[str, _Entry], title: str, last: int, name: str) -> Header:
    if "LUT_1D_SIZE" not in entries and "LUT_3D_SIZE" not in entries:
        raise InputError(f"{name}, line {last}: no LUT_3D_SIZE or LUT_1D_SIZE before the rows, so not a .cube file")
    for kind in ("1D", "3D"):
        orphan = entries.get(f"LUT_{kind}_INPUT_RANGE")
        if orphan and f"LUT_{kind}_SIZE" not in entries:
            raise InputError(f"{name}, line {orphan.line}: LUT_{kind}_INPUT_RANGE without LUT_{kind}_SIZE")
    both = "LUT_1D_SIZE" in entries and "LUT_3D_SIZE" in entries
    inner = entries.pop("LUT_3D_INPUT_RANGE", None) if both else None
    return Header(
        title,
        _size(entries.get("LUT_1D_SIZE"), MAX_CURVE_SIZE, name),
        _size(entries.get("LUT_3D_SIZE"), MAX_CUBE_SIZE, name),
        _domain(entries, name),
        _range(inner, name) if inner else (0.0, 1.0),
    )


def _size(entry: _Entry | None, largest: int, name: str) -> int:
    if entry is None:
        return 0
    size = entry.values[0]
    if not 2 <= size <= largest or size != int(size):
        raise InputError(
            f"{name}, line {entry.line}: the size must be a whole number from 2 to {largest}, not {size:g}"
        )
    return int(size)


def _domain(entries: dict[str, _Entry], name: str) -> tuple[list[float], list[float]]:
    """The input domain, by whichever keyword says it; where both do they must agree."""
    ranged = entries.get("LUT_1D_INPUT_RANGE") or entries.get("LUT_3D_INPUT_RANGE")
    minimum, maximum = entries.get("DOMAIN_MIN"), entries.get("DOMAIN_MAX")
    low, high = _range(ranged, name) if ranged else (0.0, 1.0)
    lows = minimum.values if minimum else [low] * 3
    highs = maximum.values if maximum else [high] * 3
    given = maximum or minimum
    if ranged and given and (lows, highs) != ([low] * 3, [high] * 3):
        raise InputError(f"{name}, line {given.line}: the domain contradicts the input range of line {ranged.line}")
    if given and not all(a < b for a, b in zip(lows, highs, strict=True)):
        raise InputError(f"{name}, line {given.line}: the domain is empty, from {lows} to {highs}")
    return lows, highs


def _range(entry: _Entry, name: str) -> tuple[float, float]:
    low, high = entry.values
    if not low < high:
        raise InputError(f"{name}, line {entry.line}: the input range is empty, from {low:g} to {high:g}")
    return low, high


def _title(text: str) -> str:
    """What follows TITLE: to the closing quote, or without quotes to the comment."""
    rest = text[len("TITLE") :].strip()
    return rest[1:].split('"')[0].strip() if rest.startswith('"') else rest.split("#")[0].strip()


def _finite(word: str) -> bool:
    """Whether a word is a number that float32 holds."""
    return bool(_NUMBER.fullmatch(word)) and bool(np.isfinite(_float32(word)))


def _float32(word: str) -> float:
    """The value as the tables hold it."""
    with np.errstate(over="ignore"):
        return float(np.float32(float(word)))


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
