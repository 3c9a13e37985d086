"""High dynamic range: the PQ and HLG encodings, BT.2020 light, and the spaces that HDR colours are compared in.

Code values are full-range R'G'B' in [0, 1] with BT.2020 primaries. Light is what a display shows, linear BT.2020 in
cd/m^2. Every function takes and returns images `[..., 3, H, W]` in floating point. In float64 a curve and its inverse
return code values to 1e-9, and a colour space those above 0.01 to 1e-8: below, the light of a code value is less than
what is left of the light of the other channels. Slopes at black are infinite, so no gradients are promised.

HLG encodes the light of a scene, and BT.2100 leaves its look to the display: the OOTF used here is that of the
reference display, a peak of 1000 cd/m^2, a black of 0 and hence a gamma of 1.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lutgrade.color.matrix import D65, Primaries, apply_matrix, inverse, rgb_to_xyz_matrix, split_channels

REC2020_PRIMARIES: Primaries = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
PQ_PEAK = 10_000.0  # cd/m^2 at code value 1
HLG_PEAK = 1_000.0  # cd/m^2 of the reference display of BT.2100
TINY = 1e-30  # keeps a negative power of black finite

# SMPTE ST 2084:2014, as in BT.2100-2 table 4.
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
# BT.2100-2 table 5.
_A = 0.17883277
_B = 1 - 4 * _A
_C = 0.5 - _A * math.log(4 * _A)
_HLG_BREAK = 1 / 12

_LIGHT_TO_XYZ = rgb_to_xyz_matrix(REC2020_PRIMARIES, D65)
_XYZ_TO_LIGHT = inverse(_LIGHT_TO_XYZ)
_LUMINANCE = (0.2627, 0.6780, 0.0593)  # BT.2100-2 rounds the row of Y

# BT.2100-2 table 7.
_LIGHT_TO_LMS = [[v / 4096 for v in row] for row in ([1688, 2146, 262], [683, 2951, 462], [99, 309, 3688])]
_LMS_TO_ICTCP = [
    [v / 4096 for v in row] for row in ([2048, 2048, 0], [6610, -13613, 7003], [17933, -17390, -543])
]  # of PQ-encoded LMS
_LMS_TO_LIGHT = inverse(_LIGHT_TO_LMS)
_ICTCP_TO_LMS = inverse(_LMS_TO_ICTCP)

# Safdar et al. (2017), "Perceptually uniform color space for image signals including high dynamic range and wide
# gamut", with X' and Y' of its eq. 8 folded into the matrix of eq. 9.
_JZ_M2 = 1.7 * _M2
_JZ_D, _JZ_D0 = -0.56, 1.6295499532821566e-11
_XYZ_TO_JZ_LMS = (
    torch.tensor(
        [[0.41478972, 0.579999, 0.0146480], [-0.2015100, 1.120649, 0.0531008], [-0.0166008, 0.264800, 0.6684799]],
        dtype=torch.float64,
    )
    @ torch.tensor([[1.15, 0, -0.15], [0.34, 0.66, 0], [0, 0, 1]], dtype=torch.float64)
).tolist()
_JZ_LMS_TO_IZAZBZ = [[0.5, 0.5, 0], [3.524000, -4.066708, 0.542708], [0.199076, 1.096799, -1.295875]]
_JZ_LMS_TO_XYZ = inverse(_XYZ_TO_JZ_LMS)
_IZAZBZ_TO_JZ_LMS = inverse(_JZ_LMS_TO_IZAZBZ)


def pq_to_light(code: Tensor) -> Tensor:
    """The PQ EOTF (ST 2084): code values in [0, 1] to light in cd/m^2, 0 to 10,000."""
    return _pq_decode(code, _M2)


def light_to_pq(light: Tensor) -> Tensor:
    """The inverse EOTF of PQ: light in cd/m^2 to code values; light outside [0, 10,000] clamps.

    Black is 7.3e-7, far under a step of 16 bits, which decodes to black.
    """
    return _pq_encode(light, _M2)


def _pq_decode(code: Tensor, m2: float) -> Tensor:
    power = code.clamp(0, 1) ** (1 / m2)
    return PQ_PEAK * ((power - _C1).clamp_min(0) / (_C2 - _C3 * power)) ** (1 / _M1)


def _pq_encode(light: Tensor, m2: float) -> Tensor:
    power = (light / PQ_PEAK).clamp(0, 1) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** m2


def hlg_to_scene(code: Tensor) -> Tensor:
    """The inverse OETF of HLG (BT.2100): code values in [0, 1] to scene light in [0, 1]."""
    code = code.clamp(0, 1)
    return torch.where(code <= 0.5, code**2 / 3, (((code - _C) / _A).exp() + _B) / 12)


def scene_to_hlg(scene: Tensor) -> Tensor:
    """The OETF of HLG: scene light to code values; light outside [0, 1] clamps."""
    scene = scene.clamp_min(0)
    logarithm = _A * (12 * scene.clamp_min(_HLG_BREAK) - _B).log() + _C
    return torch.where(scene <= _HLG_BREAK, (3 * scene).sqrt(), logarithm).clamp(max=1)


def hlg_gamma(peak: float = HLG_PEAK) -> float:
    """The gamma of the OOTF for a display of that peak in cd/m^2 (BT.2100-2, note 5f): 1.2 at 1000."""
    return 1.2 + 0.42 * math.log10(peak / 1000)


def hlg_to_light(code: Tensor, peak: float = HLG_PEAK) -> Tensor:
    """The EOTF of HLG: code values in [0, 1] to the light in cd/m^2 of a display of `peak` and black 0."""
    scene = hlg_to_scene(code)
    return peak * _luminance(scene).clamp_min(TINY) ** (hlg_gamma(peak) - 1) * scene


def light_to_hlg(light: Tensor, peak: float = HLG_PEAK) -> Tensor:
    """The inverse of `hlg_to_light`; light that such a display cannot show clamps."""
    gamma = hlg_gamma(peak)
    shown = light / peak
    return scene_to_hlg(shown * _luminance(shown).clamp_min(TINY) ** ((1 - gamma) / gamma))


def _luminance(image: Tensor) -> Tensor:
    """`[..., 1, H, W]` of linear BT.2020."""
    red, green, blue = split_channels(image)
    return (_LUMINANCE[0] * red + _LUMINANCE[1] * green + _LUMINANCE[2] * blue).unsqueeze(-3)


def light_to_xyz(light: Tensor) -> Tensor:
    """Linear BT.2020 to CIE XYZ (D65), both in cd/m^2."""
    return apply_matrix(_LIGHT_TO_XYZ, light)


def xyz_to_light(xyz: Tensor) -> Tensor:
    """CIE XYZ (D65) to linear BT.2020, both in cd/m^2; colours out of its gamut have negative channels."""
    return apply_matrix(_XYZ_TO_LIGHT, xyz)


def light_to_ictcp(light: Tensor) -> Tensor:
    """Linear BT.2020 in cd/m^2 to ICtCp (BT.2100, its PQ form): I in [0, 1], Ct and Cp about 0, within +-0.5."""
    return apply_matrix(_LMS_TO_ICTCP, light_to_pq(apply_matrix(_LIGHT_TO_LMS, light)))


def ictcp_to_light(ictcp: Tensor) -> Tensor:
    """ICtCp to linear BT.2020 in cd/m^2; colours out of its gamut have negative channels."""
    return apply_matrix(_LMS_TO_LIGHT, pq_to_light(apply_matrix(_ICTCP_TO_LMS, ictcp)))


def light_to_jzazbz(light: Tensor) -> Tensor:
    """Linear BT.2020 in cd/m^2 to Jzazbz (Safdar et al. 2017): Jz in [0, 0.99], az and bz about 0."""
    lms = _pq_encode(apply_matrix(_XYZ_TO_JZ_LMS, light_to_xyz(light)), _JZ_M2)
    lightness, a, b = split_channels(apply_matrix(_JZ_LMS_TO_IZAZBZ, lms))
    return torch.stack([(1 + _JZ_D) * lightness / (1 + _JZ_D * lightness) - _JZ_D0, a, b], dim=-3)


def jzazbz_to_light(jzazbz: Tensor) -> Tensor:
    """Jzazbz to linear BT.2020 in cd/m^2, the inverse of `light_to_jzazbz`."""
    lightness, a, b = split_channels(jzazbz)
    lightness = lightness + _JZ_D0
    izazbz = torch.stack([lightness / (1 + _JZ_D - _JZ_D * lightness), a, b], dim=-3)
    return xyz_to_light(apply_matrix(_JZ_LMS_TO_XYZ, _pq_decode(apply_matrix(_IZAZBZ_TO_JZ_LMS, izazbz), _JZ_M2)))


def delta_e_itp(first: Tensor, second: Tensor) -> Tensor:
    """Delta E ITP (BT.2124) of ICtCp colours `[..., 3, H, W]`, `[..., H, W]`: 1 is about just noticeable."""
    intensity, ct, cp = split_channels(first - second)
    return 720 * (intensity**2 + (0.5 * ct) ** 2 + cp**2).sqrt()


@dataclass(frozen=True)
class HdrTransfer:
    """An HDR encoding: its name, and code values `[..., 3, H, W]` in [0, 1] to BT.2020 light in cd/m^2 and back."""

    name: str
    decode: Callable[[Tensor], Tensor]
    encode: Callable[[Tensor], Tensor]


HDR_TRANSFERS: Mapping[int, HdrTransfer] = {
    16: HdrTransfer("PQ", pq_to_light, light_to_pq),
    18: HdrTransfer("HLG", hlg_to_light, light_to_hlg),
}
"""The HDR encodings by their code points in ITU-T H.273."""
