"""Camera log encodings: the makers' curves and gamuts, to and from linear Rec.709, and to a display."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lutgrade.color.display import scene_to_display
from lutgrade.color.matrix import (
    ACES_WHITE,
    D65,
    REC709_PRIMARIES,
    Chromaticity,
    Matrix,
    Primaries,
    apply_matrix,
    inverse,
    rgb_to_rgb_matrix,
)
from lutgrade.errors import InputError

_LOG10_2 = math.log10(2)


@dataclass(frozen=True)
class LogCurve:
    """A log curve with a linear foot: `c log10(a x + b) + d` from `cut` up and `e x + f` below it.

    x is scene light (0.18 is middle grey) and the curve's value a full-range code value in [0, 1]. The letters
    are ARRI's; the other makers' curves are of the same form.
    """

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float
    cut: float

    def encode(self, linear: Tensor) -> Tensor:
        """Scene light to code values, elementwise."""
        logarithm = self.c * torch.log10(self.a * linear.clamp_min(self.cut) + self.b) + self.d
        return torch.where(linear >= self.cut, logarithm, self.e * linear + self.f)

    def decode(self, encoded: Tensor) -> Tensor:
        """Code values to scene light, elementwise; the inverse of `encode`."""
        cut = self.e * self.cut + self.f
        power = (10 ** ((encoded.clamp_min(cut) - self.d) / self.c) - self.b) / self.a
        return torch.where(encoded >= cut, power, (encoded - self.f) / self.e)


@dataclass(frozen=True)
class Gamut:
    """RGB primaries and a white point, as CIE 1931 (x, y), and the matrices to and from linear Rec.709.

    White goes to white, by Bradford's adaptation where it is not D65.
    """

    primaries: Primaries
    white: Chromaticity = D65
    to_rec709: Matrix = field(init=False, repr=False)
    from_rec709: Matrix = field(init=False, repr=False)

    def __post_init__(self) -> None:
        matrix = rgb_to_rgb_matrix(self.primaries, self.white, REC709_PRIMARIES, D65)
        object.__setattr__(self, "to_rec709", matrix)
        object.__setattr__(self, "from_rec709", inverse(matrix))


@dataclass(frozen=True)
class LogEncoding:
    """What log footage is encoded with."""

    curve: LogCurve
    gamut: Gamut


def _acescct() -> LogCurve:
    """Academy S-2016-001."""
    return LogCurve(
        a=1,
        b=0,
        c=1 / (17.52 * _LOG10_2),
        d=9.72 / 17.52,
        e=10.5402377416545,
        f=0.0729055341958355,
        cut=0.0078125,
    )


def _slog3() -> LogCurve:
    """Sony, "Technical Summary for S-Gamut3.Cine/S-Log3 and S-Gamut3/S-Log3"."""
    cut, black, break_code = 0.01125, 95.0, 171.2102946929
    return LogCurve(
        a=1 / 0.19,
        b=0.01 / 0.19,
        c=261.5 / 1023,
        d=420 / 1023,
        e=(break_code - black) / cut / 1023,
        f=black / 1023,
        cut=cut,
    )


def _logc4() -> LogCurve:
    """ARRI, "LogC4 Logarithmic Color Space Specification" (2022)."""
    a, b, c = (2**18 - 16) / 117.45, (1023 - 95) / 1023, 95 / 1023
    s = 7 * math.log(2) * 2 ** (7 - 14 * c / b) / (a * b)
    t = (2 ** (14 * (-c / b) + 6) - 64) / a
    return LogCurve(a=a, b=64, c=b / (14 * _LOG10_2), d=c - 6 * b / 14, e=1 / s, f=-t / s, cut=t)


# ARRI, "ALEXA Log C Curve: Usage in VFX" (2017), at exposure index 800.
_LOGC3 = LogCurve(a=5.555556, b=0.052272, c=0.247190, d=0.385537, e=5.367655, f=0.092809, cut=0.010591)

# Panasonic, "V-Log/V-Gamut Reference Manual" (2014).
_VLOG = LogCurve(a=1, b=0.00873, c=0.241514, d=0.598206, e=5.6, f=0.125, cut=0.01)

_ACES_AP1 = Gamut(((0.713, 0.293), (0.165, 0.830), (0.128, 0.044)), ACES_WHITE)
_S_GAMUT3 = Gamut(((0.730, 0.280), (0.140, 0.855), (0.100, -0.050)))
_S_GAMUT3_CINE = Gamut(((0.766, 0.275), (0.225, 0.800), (0.089, -0.087)))
_ARRI_WIDE_GAMUT_3 = Gamut(((0.6840, 0.3130), (0.2210, 0.8480), (0.0861, -0.1020)))
_ARRI_WIDE_GAMUT_4 = Gamut(((0.7347, 0.2653), (0.1424, 0.8576), (0.0991, -0.0308)))
_V_GAMUT = Gamut(((0.730, 0.280), (0.165, 0.840), (0.100, -0.030)))

LOG_ENCODINGS: Mapping[str, LogEncoding] = {
    "acescct": LogEncoding(_acescct(), _ACES_AP1),
    "slog3": LogEncoding(_slog3(), _S_GAMUT3_CINE),
    "slog3-sgamut3": LogEncoding(_slog3(), _S_GAMUT3),
    "logc3": LogEncoding(_LOGC3, _ARRI_WIDE_GAMUT_3),
    "logc4": LogEncoding(_logc4(), _ARRI_WIDE_GAMUT_4),
    "vlog": LogEncoding(_VLOG, _V_GAMUT),
}
"""The encodings by name: `slog3` has S-Gamut3.Cine, `slog3-sgamut3` S-Gamut3, and `logc3` is that of EI 800."""


def log_encoding(name: str) -> LogEncoding:
    """The encoding of that name; case and punctuation do not matter ("S-Log3" is `slog3`).

    Raises:
        InputError: there is none; names the nearest.
    """
    plain = {_plain(known): known for known in LOG_ENCODINGS}
    if _plain(name) in plain:
        return LOG_ENCODINGS[plain[_plain(name)]]
    near = [plain[match] for match in difflib.get_close_matches(_plain(name), plain)]
    meant = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(LOG_ENCODINGS)}"
    raise InputError(f"no log encoding is named {name!r}; {meant}")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def decode_log(image: Tensor, name: str) -> Tensor:
    """Log-encoded code values in [0, 1] to scene-linear light in Rec.709 primaries (D65).

    Middle grey is 0.18. The camera gamuts are wider than Rec.709, so channels can be negative: nothing is
    clamped. Raises InputError for an unknown name.
    """
    encoding = log_encoding(name)
    return apply_matrix(encoding.gamut.to_rec709, encoding.curve.decode(image))


def encode_log(linear: Tensor, name: str) -> Tensor:
    """Scene-linear light in Rec.709 primaries to log-encoded code values, the inverse of `decode_log`."""
    encoding = log_encoding(name)
    return encoding.curve.encode(apply_matrix(encoding.gamut.from_rec709, linear))


def log_to_display(image: Tensor, name: str) -> Tensor:
    """Log-encoded images `[..., 3, H, W]` in [0, 1] to sRGB-encoded ones in [0, 1], by `scene_to_display`."""
    return scene_to_display(decode_log(image, name))
