"""What clips are matched to: one of them, their barycentre, or a look from outside."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from lutgrade.consistency.barycentre import (
    gaussian_barycentre,
    linear_map,
    pooled,
    quantile_barycentre,
    with_quantiles,
)
from lutgrade.consistency.encoding import SDR, Encoding
from lutgrade.consistency.hero import hero_score
from lutgrade.consistency.profiles import COLORS, Profile, profile_file
from lutgrade.errors import InputError
from lutgrade.lut import Lut

OF_CLIPS = ("average", "first", "brightest", "hero")
FROM_OUTSIDE = ("reference", "palette", "synthetic", "lut")
OF_SDR = ("palette", "synthetic", "lut")  # sRGB colours, Lab numbers, LUTs on display-referred values
MAX_GAIN = 3.0  # of a map to a barycentre; flat clips are moved and not posterised
UNIT = 100.0  # of the axes where transports are solved


class Member(NamedTuple):
    """A clip, or a span of it, that a target is made of."""

    name: str
    clip: str  # the clip's own name
    profile: Profile
    weight: float = 1.0


@dataclass(frozen=True)
class TargetSpec:
    """A target as it is named: `average`, `first`, `brightest`, `hero`, `hero=CLIP`, `reference=FILE`,
    `palette=#RRGGBB,...`, `synthetic=L,a,b,dL,da,db` (Lab means and deviations) or `lut=FILE`."""

    kind: str
    value: str = ""

    def __post_init__(self) -> None:
        """Raises an InputError for what is no target."""
        known = self.kind in OF_CLIPS or self.kind in FROM_OUTSIDE
        if not known or ((self.kind in FROM_OUTSIDE) != bool(self.value) and self.kind != "hero"):
            raise InputError(
                f"no target '{self}'; there are average, first, brightest, hero, hero=CLIP, reference=FILE, "
                "palette=#RRGGBB,..., synthetic=L,a,b,dL,da,db and lut=FILE"
            )
        if self.kind == "palette":
            parse_palette(self.value)
        elif self.kind == "synthetic":
            parse_synthetic(self.value)
        elif self.files and not self.files[0].exists():
            raise InputError(f"target {self}: there is no file {self.value}")

    @classmethod
    def parse(cls, text: str) -> TargetSpec:
        """Reads a target as it is named on the command line."""
        kind, _, value = text.partition("=")
        return cls(kind, value)

    @property
    def files(self) -> list[Path]:
        """What it reads."""
        return [Path(self.value)] if self.kind in ("reference", "lut") else []

    def __str__(self) -> str:
        return f"{self.kind}={self.value}" if self.value else self.kind


@dataclass(frozen=True, eq=False)
class Target:
    """Colours to match.

    Attributes:
        name: for reports.
        colors: `[3, N]`, code values in [0, 1].
        pictures: `[3, h, w]` each, that have these colours, for models that look at pictures.
        kept: the member that is the target itself and is left as it is.
        look: a grade on top of the match.
        outside: the target is no clip nor made of clips, so that the clips must come near it and not only together.
        exact: its lightness was given in numbers, and is reached however far it is.
    """

    name: str
    colors: Tensor
    pictures: tuple[Tensor, ...]
    kept: str | None = None
    look: Lut | None = None
    outside: bool = False
    exact: bool = False

    @cached_property
    def final_colors(self) -> Tensor:
        """The colours with the look on them, `[3, N]`."""
        return self.colors if self.look is None else self.look(self.colors[None, :, None])[0, :, 0].clamp(0, 1)


def build_target(spec: TargetSpec, members: Sequence[Member], matrix: str | None = None) -> Target:
    """The target of clips that are matched together.

    Args:
        spec: what was asked for; a hero by the name of its member.
        members: the clips that are not black, one at least, of one encoding.
        matrix: how an untagged reference is read.

    Raises:
        InputError: a reference that cannot be read, is black or of another encoding; a hero that is no member.
    """
    encoding = members[0].profile.encoding
    if spec.kind == "reference":
        profile = profile_file(Path(spec.value), matrix=matrix, encoding=encoding)
        if profile.is_black:
            raise InputError(f"the reference {spec.value} is black; there is no look in it")
        return Target(str(spec), profile.colors, _pictures(profile), outside=True)
    if spec.kind in ("first", "brightest", "hero"):
        chosen = _chosen(spec, members)
        return Target(f"{spec.kind}: {chosen.name}", chosen.profile.colors, _pictures(chosen.profile), kept=chosen.name)
    average = _average(members)
    if spec.kind == "lut":
        return Target(str(spec), average.colors, average.pictures, look=Lut.load(spec.value), outside=True)
    if spec.kind == "palette":
        return _moved(str(spec), average, *_palette_moments(parse_palette(spec.value), _lab(average.colors)))
    if spec.kind == "synthetic":
        mean, deviation = parse_synthetic(spec.value)
        return _scaled(str(spec), average, mean / UNIT, deviation / UNIT)
    return average


def parse_palette(text: str) -> Tensor:
    """`#RRGGBB,...` as sRGB-encoded colours `[3, K]` in [0, 1]."""
    codes = [code.strip().lstrip("#") for code in text.split(",")]
    if not all(re.fullmatch(r"[0-9a-fA-F]{6}", code) for code in codes):
        raise InputError(f"a palette is colours such as #1a2b3c,#f0e0d0, not '{text}'")
    return torch.tensor([[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in codes]).T.double()


def parse_synthetic(text: str) -> tuple[Tensor, Tensor]:
    """`L,a,b,dL,da,db` as the Lab means `[3]` and deviations `[3]`."""
    try:
        values = [float(value) for value in text.split(",")]
        if not all(map(math.isfinite, values)):
            raise ValueError(text)
    except ValueError:
        values = []
    if len(values) != 6 or not 0 <= values[0] <= 100 or max(map(abs, values)) > 128 or min(values[3:]) < 0:
        raise InputError(
            f"a synthetic target is L,a,b,dL,da,db: Lab means (L in 0 to 100) and deviations (0 or more), not '{text}'"
        )
    return torch.tensor(values[:3], dtype=torch.float64), torch.tensor(values[3:], dtype=torch.float64)


def _chosen(spec: TargetSpec, members: Sequence[Member]) -> Member:
    if spec.kind == "first":
        return members[0]
    if spec.value:
        named = [member for member in members if member.clip == spec.value]
        if not named:
            raise InputError(f"no hero '{spec.value}' among the clips {', '.join(m.clip for m in members)}")
        return named[0]
    if spec.kind == "brightest":
        return max(members, key=lambda member: float(member.profile.mean[0]))
    return max(members, key=lambda member: hero_score(member.profile))


def _average(members: Sequence[Member]) -> Target:
    """The barycentre of the members, whatever their order.

    Each member's colours are moved to the Gaussian barycentre by the optimal linear map and pooled; the axes of the
    pool are then given the barycentre of the members' quantiles.
    """
    encoding = members[0].profile.encoding
    weights = torch.tensor([member.weight for member in members], dtype=torch.float64)
    weights = weights / weights.sum()
    profiles = [member.profile for member in members]
    mean, covariance = gaussian_barycentre(
        torch.stack([p.mean for p in profiles]) / UNIT,
        torch.stack([p.covariance for p in profiles]) / UNIT**2,
        weights,
    )
    measured = [_lab(p.colors, encoding) for p in profiles]
    maps = [linear_map(colors, mean, covariance, MAX_GAIN) for colors in measured]
    cloud = pooled([move(colors) for move, colors in zip(maps, measured, strict=True)], weights, COLORS)
    quantiles = quantile_barycentre(torch.stack([p.quantiles for p in profiles]) / UNIT, weights)
    pictures = [_on_picture(move, p.middle, encoding) for move, p in zip(maps, profiles, strict=True)]
    return Target("average", _codes(with_quantiles(cloud, quantiles), encoding), tuple(pictures))


def _palette_moments(palette: Tensor, lab: Tensor) -> tuple[Tensor, Tensor]:
    """The mean `[3]` and covariance `[3, 3]` of a palette `[3, K]`, with the lightness of the colours `[3, N]`.

    A palette says which hues go with which lightness, not how bright a scene is.
    """
    points = _lab(palette)
    lightness, own = points[0], lab[0]
    spread = lightness.std(correction=0)
    scale = own.std(correction=0) / spread if float(spread) > 0.02 else 0.0
    points = torch.cat([(own.mean() + (lightness - lightness.mean()) * scale)[None], points[1:]])
    mean = points.mean(1)
    centred = points - mean[:, None]
    covariance = centred @ centred.T / points.shape[1]
    covariance[0, 0] = own.var(correction=0)  # that of a palette of one lightness is none
    return mean, covariance


def _moved(name: str, base: Target, mean: Tensor, covariance: Tensor) -> Target:
    move = linear_map(_lab(base.colors), mean, covariance, MAX_GAIN)
    pictures = tuple(_on_picture(move, picture) for picture in base.pictures)
    return Target(name, _codes(move(_lab(base.colors))), pictures, outside=True)


def _scaled(name: str, base: Target, mean: Tensor, deviation: Tensor) -> Target:
    """The base with the mean `[3]` and deviation `[3]` of each axis set."""
    lab = _lab(base.colors)
    own_mean = lab.mean(1, keepdim=True)
    gain = (deviation[:, None] / lab.std(1, correction=0, keepdim=True).clamp_min(1e-3)).clamp(max=MAX_GAIN)

    def move(x: Tensor) -> Tensor:
        return (x - own_mean) * gain + mean[:, None]

    return Target(name, _codes(move(lab)), tuple(_on_picture(move, p) for p in base.pictures), outside=True, exact=True)


def _pictures(profile: Profile) -> tuple[Tensor, ...]:
    return tuple(profile.frames.float())


def _on_picture(move: Callable[[Tensor], Tensor], picture: Tensor, encoding: Encoding = SDR) -> Tensor:
    return _codes(move(_lab(picture.flatten(1), encoding)), encoding).view_as(picture)


def _lab(colors: Tensor, encoding: Encoding = SDR) -> Tensor:
    """Code values `[3, N]` as Lab, or what the encoding has instead, in units of 100."""
    return encoding.measured(colors.double()) / UNIT


def _codes(lab: Tensor, encoding: Encoding = SDR) -> Tensor:
    return encoding.codes(lab[:, None] * UNIT)[:, 0].clamp(0, 1).float()
