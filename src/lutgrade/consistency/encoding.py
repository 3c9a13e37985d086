"""What clips' code values look like: the space that colours are measured in, and how far apart two of them lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from lutgrade.color.difference import ciede2000
from lutgrade.color.hdr import HDR_TRANSFERS, PQ_PEAK, HdrTransfer, light_to_pq, light_to_xyz, pq_to_light
from lutgrade.color.spaces import lab_to_srgb, linear_to_srgb, srgb_to_lab, xyz_to_linear
from lutgrade.errors import InputError
from lutgrade.models.pixels import color_space
from lutgrade.video import VideoInfo

KAPPA = 24389 / 27  # of CIE L
ITP_SCALE = 200.0  # of I in [0, 1]: puts 100 cd/m^2 at 102, next to the white of CIELAB
BLACK_LIGHT = 0.2  # cd/m^2 of an HDR white point below which there is no picture
DIFFUSE_WHITE, BRIGHTEST = 203.0, 1000.0  # cd/m^2 (BT.2408), of a preview
BT2020 = 9  # code point of ITU-T H.273


@dataclass(frozen=True, eq=False, repr=False)
class Encoding:
    """How clips of one kind are looked at.

    Colours are measured as lightness and two chroma axes on much the same scale for all encodings: CIELAB (D65) for
    SDR, and for HDR 200 times ITP, which is ICtCp (BT.2100) with Ct halved, so that distances are Delta E ITP.

    Attributes:
        name: "SDR", "PQ" or "HLG".
        axes: what the three axes are called.
        unit: what differences are in.
        measure: code values `[..., 3, H, W]` in [0, 1] to the axes.
        codes: its inverse, not clamped.
        difference: of two measured colours `[..., 3, H, W]`, `[..., H, W]`; 1 is about just noticeable.
        preview: code values to a picture for an SDR display, sRGB-encoded in [0, 1].
        luminance: the light of a lightness, in a unit of the encoding's own.
        lightness: its inverse.
        top: the largest lightness.
        black: the lightness of a white point below which there is nothing to match.
        nodes: a side of its LUTs.
        space: where matchers work (`lutgrade.models.pixels.color_space`); None leaves each its own.
    """

    name: str
    axes: tuple[str, str, str]
    unit: str
    measure: Callable[[Tensor], Tensor]
    codes: Callable[[Tensor], Tensor]
    difference: Callable[[Tensor, Tensor], Tensor]
    preview: Callable[[Tensor], Tensor]
    luminance: Callable[[float], float]
    lightness: Callable[[float], float]
    top: float
    black: float
    nodes: int
    space: str | None = None

    def __repr__(self) -> str:
        return f"Encoding({self.name})"

    @property
    def is_hdr(self) -> bool:
        return self.space is not None

    def measured(self, colors: Tensor) -> Tensor:
        """The axes of code values `[3, N]`."""
        return self.measure(colors[:, None])[:, 0]


def _cie_luminance(lightness: float) -> float:
    return ((lightness + 16) / 116) ** 3 if lightness > 8 else lightness / KAPPA


def _cie_lightness(luminance: float) -> float:
    return 116 * luminance ** (1 / 3) - 16 if luminance > 8 / KAPPA else luminance * KAPPA


def _pq_luminance(lightness: float) -> float:
    return float(pq_to_light(torch.tensor(lightness / ITP_SCALE, dtype=torch.float64)))


def _pq_lightness(luminance: float) -> float:
    light = torch.tensor(min(luminance, PQ_PEAK), dtype=torch.float64)
    return ITP_SCALE * float(light_to_pq(light))


def _hdr(transfer: HdrTransfer) -> Encoding:
    """PQ or HLG; the mathematics is in float64, as powers in float32 lose a 10-bit step."""
    space = f"{transfer.name.lower()}_itp"
    itp = color_space(space)

    def measure(codes: Tensor) -> Tensor:
        return (itp.encode(codes.double()) * ITP_SCALE).to(codes)

    def to_codes(measured: Tensor) -> Tensor:
        return itp.decode(measured.double() / ITP_SCALE).to(measured)

    def difference(first: Tensor, second: Tensor) -> Tensor:
        return (first - second).norm(dim=-3) * (720 / ITP_SCALE)

    return Encoding(
        transfer.name,
        ("I", "T", "P"),
        "Delta E ITP",
        measure,
        to_codes,
        difference,
        lambda codes: _tone_mapped(transfer.decode(codes)),
        _pq_luminance,
        _pq_lightness,
        top=ITP_SCALE,
        black=_pq_lightness(BLACK_LIGHT),
        nodes=65,  # PQ and HLG spread more light over a cell than SDR does
        space=space,
    )


def _tone_mapped(light: Tensor) -> Tensor:
    """BT.2020 light in cd/m^2 as a picture: the brightest channel by Reinhard's curve with a white, hue kept."""
    linear = xyz_to_linear(light_to_xyz(light / DIFFUSE_WHITE)).clamp_min(0)
    brightest = linear.amax(-3, keepdim=True)
    gain = (1 + brightest / (BRIGHTEST / DIFFUSE_WHITE) ** 2) / (1 + brightest)
    return linear_to_srgb((linear * gain).clamp(0, 1))


SDR = Encoding(
    "SDR",
    ("L", "a", "b"),
    "CIEDE2000",
    srgb_to_lab,
    lab_to_srgb,
    ciede2000,
    lambda codes: codes,
    _cie_luminance,
    _cie_lightness,
    top=100.0,
    black=8.0,
    nodes=33,
)
ENCODINGS = {encoding.name: encoding for encoding in (SDR, *map(_hdr, HDR_TRANSFERS.values()))}


def encoding_of(info: VideoInfo) -> Encoding:
    """The encoding of a clip; an InputError for HDR with other primaries than BT.2020."""
    if info.transfer not in HDR_TRANSFERS:
        return SDR
    name = HDR_TRANSFERS[info.transfer].name
    if info.primaries != BT2020:
        raise InputError(
            f"{info.path} is {name} with other primaries than BT.2020 (H.273 code {info.primaries}), "
            "which cannot be matched; convert it to BT.2020 first"
        )
    return ENCODINGS[name]


def shared_encoding(infos: Iterable[VideoInfo]) -> Encoding:
    """The one encoding of some clips, SDR where there are none.

    Raises:
        InputError: HDR and SDR, or PQ and HLG, together, or primaries that cannot be matched.
    """
    found = [(info, encoding_of(info)) for info in infos]
    kinds = {encoding.name for _, encoding in found}
    if len(kinds) > 1:
        listed = ", ".join(f"{info.path} is {encoding.name}" for info, encoding in found)
        raise InputError(f"HDR and SDR, or PQ and HLG, cannot be matched with each other: {listed}; convert some first")
    return found[0][1] if found else SDR


def require(info: VideoInfo, encoding: Encoding) -> None:
    """Raises an InputError where a file is not of the encoding that is matched."""
    own = encoding_of(info)
    if own is not encoding:
        raise InputError(f"{info.path} is {own.name}, and the clips are {encoding.name}; convert it first")
