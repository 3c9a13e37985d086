"""Colours of HDR clips, and the LUTs on their PQ or HLG code values that match them, in ICtCp or Jzazbz."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from lutgrade.color.hdr import (
    HDR_TRANSFERS,
    HdrTransfer,
    delta_e_itp,
    ictcp_to_light,
    jzazbz_to_light,
    light_to_ictcp,
    light_to_jzazbz,
)
from lutgrade.consistency.barycentre import gaussian_barycentre
from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.models.matching import NOISE, linear_transport
from lutgrade.models.pixels import ColorSpace, affine_lut, moments
from lutgrade.video import VideoInfo, open_video

Method = Literal["mkl", "reinhard"]
SPACES = {"ictcp": (light_to_ictcp, ictcp_to_light), "jzazbz": (light_to_jzazbz, jzazbz_to_light)}
UNIT = 0.1  # of a space where clips are matched, so that the noise of the transports is under a 10-bit step
SIDE = 256  # pixels; statistics of a frame change little above it
MAX_GAIN = 2.0  # of a map; flat clips are moved and not posterised
NODES = 65  # a side of the LUTs: PQ and HLG spread more light over a cell than SDR does
BT2020 = 9  # code point of ITU-T H.273, of primaries and of the matrix


def hdr_transfer(infos: Iterable[VideoInfo]) -> HdrTransfer | None:
    """The HDR encoding that clips share, None where all are SDR.

    Raises:
        InputError: HDR and SDR clips, or PQ and HLG, together; an HDR clip of other primaries than BT.2020.
    """
    infos = list(infos)
    kinds = {info.transfer if info.transfer in HDR_TRANSFERS else None for info in infos}
    if len(kinds) > 1:
        listed = ", ".join(f"{info.path.name} is {_kind(info)}" for info in infos)
        raise InputError(f"HDR and SDR, or PQ and HLG, cannot be matched with each other: {listed}; convert some first")
    code = next(iter(kinds), None)
    if code is None:
        return None
    for info in infos:
        if info.primaries != BT2020:
            raise InputError(
                f"{info.path} is {_kind(info)} with other primaries than BT.2020 (H.273 code {info.primaries}), "
                "which cannot be matched; convert it to BT.2020 first"
            )
    return HDR_TRANSFERS[code]


def matching_space(transfer: HdrTransfer, name: str = "ictcp") -> ColorSpace:
    """Code values of an encoding to ICtCp or Jzazbz and back, for `lutgrade.models.pixels`."""
    if name not in SPACES:
        raise InputError(f"HDR clips are matched in {' or '.join(SPACES)}, not '{name}'")
    from_light, to_light = SPACES[name]
    return ColorSpace(
        lambda code: from_light(transfer.decode(code)),
        lambda color: transfer.encode(to_light(color)),
        grey=(1.0, 0.0, 0.0),
        unit=UNIT,
    )


@dataclass(frozen=True, eq=False)
class HdrColors:
    """The colours of an HDR clip, or what clips are matched to.

    Attributes:
        mean: `[3]` float64, in the matching space.
        covariance: `[3, 3]`.
        ictcp: `[3]`, the mean in ICtCp, in which differences are measured.
    """

    mean: Tensor
    covariance: Tensor
    ictcp: Tensor

    @cached_property
    def batched(self) -> tuple[Tensor, Tensor]:
        """Mean `[1, 3, 1]` and covariance `[1, 3, 3]`."""
        return self.mean[None, :, None], self.covariance[None]


def hdr_colors(path: Path, transfer: HdrTransfer, space: ColorSpace, *, every: float = 1.0) -> HdrColors:
    """The colours of a clip, from a frame every so many seconds."""
    sums: list[tuple[Tensor, Tensor, Tensor]] = []
    with open_video(path, max_side=SIDE, every=every) as reader:
        for frame in reader:
            codes = frame.image.double()
            mean, covariance = moments(space.to(codes).flatten(1)[None, ..., None])
            mean = mean.flatten()
            ictcp = light_to_ictcp(transfer.decode(codes)).mean((1, 2))
            sums.append((mean, covariance[0] + torch.outer(mean, mean), ictcp))
    mean, second, ictcp = (torch.stack(parts).mean(0) for parts in zip(*sums, strict=True))
    return HdrColors(mean, second - torch.outer(mean, mean), ictcp)


def barycentre(clips: Sequence[HdrColors]) -> HdrColors:
    """The colours half-way between clips: the Wasserstein barycentre of their Gaussians."""
    weights = torch.full((len(clips),), 1 / len(clips), dtype=torch.float64)
    means, covariances = torch.stack([clip.mean for clip in clips]), torch.stack([clip.covariance for clip in clips])
    mean, covariance = gaussian_barycentre(means, covariances, weights)
    return HdrColors(mean, covariance, torch.stack([clip.ictcp for clip in clips]).mean(0))


def fit_hdr(clip: HdrColors, target: HdrColors, space: ColorSpace, method: Method = "mkl", size: int = NODES) -> Lut:
    """The LUT `[3, S, S, S]` on code values that gives a clip the target's mean and covariance (or deviations)."""
    (mean, covariance), (wanted_mean, wanted) = clip.batched, target.batched
    if method == "mkl":
        matrix = linear_transport(covariance, wanted, MAX_GAIN)
    else:
        variances = [c.diagonal(dim1=1, dim2=2) + NOISE for c in (covariance, wanted)]
        matrix = torch.diag_embed((variances[1] / variances[0]).sqrt().clamp(max=MAX_GAIN))
    like = torch.empty(1, 3, 1, 1)
    return affine_lut(space, matrix, mean, wanted_mean, like, size)[0]


def itp_difference(first: HdrColors, second: HdrColors) -> float:
    """Delta E ITP (BT.2124) between mean colours; 1 is about just noticeable."""
    return float(delta_e_itp(first.ictcp[:, None, None], second.ictcp[:, None, None]))


def _kind(info: VideoInfo) -> str:
    return HDR_TRANSFERS[info.transfer].name if info.transfer in HDR_TRANSFERS else "SDR"
