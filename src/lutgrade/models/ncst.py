"""NCST: a grade as seven named parameters, predicted from a pair (arXiv 2411.00335)."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Unpack

import torch
from torch import Tensor

from lutgrade.color import adjust
from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.lut.lut import sample_nodes
from lutgrade.models.encoders import SmallEncoder, VGGEncoder
from lutgrade.models.pair import FeatureOptions, PairModel

# In the order of application, which is the paper's but for sharpness: it is spatial, and comes after the LUT.
POINTWISE = {
    "brightness": adjust.brightness,
    "contrast": adjust.contrast,  # around 0.5: a pivot that followed the image would not be a LUT
    "gamma": adjust.gamma,
    "hue": adjust.hue,
    "saturation": adjust.saturation,
    "temperature": adjust.temperature,
}
NEUTRAL = {
    "brightness": 1.0,
    "contrast": 1.0,
    "gamma": 1.0,
    "hue": 0.0,
    "saturation": 1.0,
    "temperature": 0.0,
    "sharpness": 1.0,
}  # fmt: skip


# What can be set by hand: the ranges of `lutgrade.color.adjust`, and two gels of temperature.
LIMITS = {
    "brightness": (0.0, 2.0),
    "contrast": (0.0, 2.0),
    "gamma": (0.2, 5.0),
    "hue": (-0.5, 0.5),
    "saturation": (0.0, 2.0),
    "temperature": (-2.0, 2.0),
    "sharpness": (0.0, 2.0),
}


@dataclass(frozen=True, eq=False)
class ParametricGrade:
    """A colour map of named parameters: a LUT of the pointwise ones, then sharpness.

    Args:
        parameters: amounts `[B]` by the names of `NEUTRAL`; those left out are neutral.
        size: nodes a side of the LUT.
    """

    parameters: Mapping[str, Tensor]
    size: int = 33

    def __post_init__(self) -> None:
        check_names(self.parameters)
        if not self.parameters:
            raise InputError("a parametric grade needs at least one parameter")

    @cached_property
    def lut(self) -> Lut:
        """The pointwise parameters as a LUT, a table per image."""
        return parameters_to_lut(self.parameters, self.size)

    def __call__(self, image: Tensor) -> Tensor:
        """`[B, 3, H, W]`, sRGB-encoded in [0, 1], to the same."""
        graded = self.lut(image)
        if "sharpness" in self.parameters:
            graded = adjust.sharpness(graded, self.parameters["sharpness"])
        return graded.clamp(0, 1)

    def override(self, **amounts: float) -> ParametricGrade:
        """The same grade with some parameters set by hand, for every image of the batch; inside `LIMITS`."""
        check_amounts(amounts)
        like = next(iter(self.parameters.values()))
        return ParametricGrade(
            {**self.parameters, **{name: torch.full_like(like, value) for name, value in amounts.items()}}, self.size
        )


def adjust_pointwise(image: Tensor, parameters: Mapping[str, Tensor | float]) -> Tensor:
    """f_P of Eq. 7 but for sharpness: the adjustments one after the other, clamped to [0, 1] at the end."""
    for name, adjustment in POINTWISE.items():
        if name in parameters:
            image = adjustment(image, parameters[name])
    return image.clamp(0, 1)


def parameters_to_lut(parameters: Mapping[str, Tensor], size: int) -> Lut:
    """Samples the pointwise adjustments at `size` nodes a side (Algorithm 1), a table per image.

    The paper divides by N over N + 1 nodes, counted inclusively; here N nodes are N - 1 steps apart.
    """
    first = next(iter(parameters.values()))
    nodes = identity_table(size, dtype=first.dtype, device=first.device)
    return Lut(sample_nodes(lambda image: adjust_pointwise(image, parameters), nodes, len(first)))


def check_names(parameters: Mapping[str, object]) -> None:
    """Raises an InputError for a parameter that there is not."""
    unknown = [name for name in parameters if name not in NEUTRAL]
    if unknown:
        near = difflib.get_close_matches(unknown[0], NEUTRAL, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(NEUTRAL)}"
        raise InputError(f"no parameter '{unknown[0]}'; {hint}")


def check_amounts(amounts: Mapping[str, float]) -> None:
    """Raises an InputError for a parameter that there is not, or an amount outside of its `LIMITS`."""
    check_names(amounts)
    for name, amount in amounts.items():
        low, high = LIMITS[name]
        if not low <= amount <= high:
            raise InputError(f"{name} is from {low:g} to {high:g} ({NEUTRAL[name]:g} changes nothing), not {amount:g}")


class NCST(PairModel):
    """Seven named parameters from features of the pair; NCST, arXiv 2411.00335.

    Args:
        encoder: of both images.
        ranges: lowest and highest amount by parameter, with the neutral one inside; the paper states none. A
            parameter that is left out is not predicted and stays neutral.
        size: nodes a side of the LUT.
        hidden: channels of the head.
        features: resolution, width, ... of `PairFeatures`.
    """

    def __init__(
        self,
        encoder: VGGEncoder | SmallEncoder,
        *,
        ranges: Mapping[str, Sequence[float]],
        size: int = 33,
        hidden: int = 256,
        **features: Unpack[FeatureOptions],
    ) -> None:
        check_ranges(ranges)
        super().__init__(encoder, size, **features)
        self.ranges = {name: (float(low), float(high)) for name, (low, high) in ranges.items()}
        self.head = self.make_head(hidden, len(ranges), 0.0)  # the untrained model changes nothing

    def parameters_by_name(self, content: Tensor, reference: Tensor) -> dict[str, Tensor]:
        """The amount `[B]` of every parameter, inside its range."""
        raw = self.head(self.features(content, reference)).float()
        return {name: in_range(x, name, *self.ranges[name]) for name, x in zip(self.ranges, raw.unbind(1), strict=True)}

    def forward(self, content: Tensor, reference: Tensor) -> ParametricGrade:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to a grade an image."""
        return ParametricGrade(self.parameters_by_name(content, reference), self.size)


def in_range(raw: Tensor, name: str, low: float, high: float) -> Tensor:
    """Any number to an amount between low and high, 0 to the neutral one; a shifted sigmoid."""
    share = (NEUTRAL[name] - low) / (high - low)
    return low + (high - low) * torch.sigmoid(raw + math.log(share / (1 - share)))


def check_ranges(ranges: Mapping[str, Sequence[float]]) -> None:
    """Raises an InputError unless each is (low, high) of a known parameter, around its neutral amount."""
    check_names(ranges)
    if not ranges:
        raise InputError("NCST needs the range of at least one parameter")
    for name, limits in ranges.items():
        if len(limits) != 2 or not limits[0] < NEUTRAL[name] < limits[1]:
            raise InputError(f"the range of {name} must be [low, high] around {NEUTRAL[name]:g}, not {list(limits)}")
