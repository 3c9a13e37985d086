"""Effects as a line of text, for a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lutgrade.errors import InputError
from lutgrade.video.effects import CHANNELS, ColorEffect, Curves, Effects, Levels, Vignette, WhiteBalance


def parse_effects(text: str) -> Effects:
    """Effects as a line: `white-balance=5600, levels=0.02/0.98, curves=0/0 0.5/0.55 1/1, vignette=0.6, opacity=0.8`.

    `levels` are black/white or black/white/black out/white out; `curves.r` and `levels.r` (g, b) are of one channel;
    colour effects act in the order they are named in, then the vignette, then opacity.

    Raises:
        InputError: says which part is not understood.
    """
    effects, named = Effects(), set[str]()
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        kind, _, channel = name.partition(".")
        try:
            if kind in _COLOR_EFFECTS and channel in ("", *CHANNELS):
                effects = replace(effects, color=(*effects.color, _COLOR_EFFECTS[kind](value, channel)))
            elif name in named:
                raise InputError("it is named twice")
            elif name == "vignette":
                effects = replace(effects, vignette=Vignette(float(value)))
            elif name == "opacity":
                effects = replace(effects, opacity=float(value))
            else:
                known = ", ".join([*_COLOR_EFFECTS, "vignette", "opacity"])
                raise InputError(f"no effect is named {name!r}; there are {known}")
        except ValueError as error:
            reason = error if isinstance(error, InputError) else "a number is missing or malformed"
            raise InputError(f"effect {part!r}: {reason}") from None
        named.add(name)
    return effects


def _parse_curves(value: str, channel: str) -> ColorEffect:
    points = [tuple(float(number) for number in point.split("/")) for point in value.split()]
    if not points or any(len(point) != 2 for point in points):
        raise InputError("a curve is made of points x/y with spaces between")
    pairs = [(point[0], point[1]) for point in points]
    return Curves(**{{"": "master", "r": "red", "g": "green", "b": "blue"}[channel]: pairs})


def _parse_levels(value: str, channel: str) -> ColorEffect:
    levels = [float(level) for level in value.split("/")]
    if len(levels) not in (2, 4):
        raise InputError("levels are black/white, or black/white/black out/white out")
    neutral = (0.0, 1.0, 0.0, 1.0)
    black, white, low, high = (
        tuple(level if channel in ("", c) else default for c in CHANNELS)
        for level, default in zip((*levels, *neutral[len(levels) :]), neutral, strict=True)
    )
    return Levels(black, white, low, high)  # type: ignore[arg-type]


def _parse_white_balance(value: str, channel: str) -> ColorEffect:
    if channel:
        raise InputError("a white balance is of all channels")
    return WhiteBalance(float(value))


_COLOR_EFFECTS: dict[str, Callable[[str, str], ColorEffect]] = {
    "curves": _parse_curves,
    "levels": _parse_levels,
    "white-balance": _parse_white_balance,
}
