"""What the matchers share: the colours of an image as a sample of pixels, their moments, and maps made into LUTs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lutgrade.color.hdr import HDR_TRANSFERS, HdrTransfer, ictcp_to_light, light_to_ictcp
from lutgrade.color.spaces import (
    lab_to_srgb,
    linear_to_srgb,
    oklab_to_srgb,
    srgb_to_lab,
    srgb_to_linear,
    srgb_to_oklab,
)
from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.lut.lut import sample_nodes

MAX_PIXELS = 65_536


@dataclass(frozen=True)
class ColorSpace:
    """A space to match colours in, scaled so that black and white lie about 1 apart on each axis they differ on.

    Attributes:
        encode: sRGB-encoded images `[..., 3, H, W]` to the space.
        decode: its inverse, not clamped.
        grey: the direction of the grey axis.
        unit: what 1 is in the space's own numbers.
    """

    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]
    grey: tuple[float, float, float] = (1.0, 1.0, 1.0)
    unit: float = 1.0

    def to(self, image: Tensor) -> Tensor:
        return self.encode(image) / self.unit

    def back(self, image: Tensor) -> Tensor:
        return self.decode(image * self.unit)

    def level(self, difference: Tensor) -> Tensor:
        """The part of colour differences `[B, 3, 1]` that lies along the grey axis."""
        grey = difference.new_tensor(self.grey)[:, None]
        return grey * (grey * difference).sum(dim=1, keepdim=True) / grey.square().sum()


def _same(image: Tensor) -> Tensor:
    return image


def _itp(transfer: HdrTransfer) -> ColorSpace:
    """ICtCp with Ct halved, in which distances are Delta E ITP (BT.2124), of the code values of an HDR encoding.

    A saturated colour as bright as the white of SDR lies about 1 from grey.
    """

    def halved(ictcp: Tensor, factor: float) -> Tensor:
        return ictcp * ictcp.new_tensor([1.0, factor, 1.0])[:, None, None]

    return ColorSpace(
        lambda codes: halved(light_to_ictcp(transfer.decode(codes)), 0.5),
        lambda itp: transfer.encode(ictcp_to_light(halved(itp, 2.0))),
        grey=(1.0, 0.0, 0.0),
        unit=0.25,
    )


SPACES = {
    "rgb": ColorSpace(_same, _same),
    "linear": ColorSpace(srgb_to_linear, linear_to_srgb),
    "lab": ColorSpace(srgb_to_lab, lab_to_srgb, grey=(1.0, 0.0, 0.0), unit=100.0),
    "oklab": ColorSpace(srgb_to_oklab, oklab_to_srgb, grey=(1.0, 0.0, 0.0)),
    **{f"{transfer.name.lower()}_itp": _itp(transfer) for transfer in HDR_TRANSFERS.values()},
}


def color_space(name: str) -> ColorSpace:
    """The space of that name: `rgb` (sRGB-encoded), `linear`, `lab` or `oklab`; of HDR codes `pq_itp` or `hlg_itp`."""
    if name not in SPACES:
        raise InputError(f"no colour space '{name}' to match in; there are {', '.join(SPACES)}")
    return SPACES[name]


def sample_pixels(image: Tensor, limit: int = MAX_PIXELS) -> Tensor:
    """The colours of `[B, 3, H, W]` images as `[B, 3, N, 1]` float64 in [0, 1], NaN as 0.

    At most `limit` pixels, drawn with replacement by a fixed seed when there are more: always the same ones, so that
    images of one size are sampled at the same places.
    """
    pixels = image.flatten(2)
    total = pixels.shape[-1]
    if total > limit:
        draw = torch.randint(total, (limit,), generator=torch.Generator().manual_seed(0))
        pixels = pixels[..., draw.to(pixels.device)]
    return pixels.double().nan_to_num(0.0).clamp(0, 1)[..., None]


def moments(colors: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean `[B, 3, 1]` and covariance `[B, 3, 3]` of colours `[B, 3, N, 1]`, weighted by `[B, N]` when given."""
    x = colors.squeeze(-1)
    if weights is None:
        weights = x.new_ones(x.shape[0], x.shape[-1])
    share = (weights / weights.sum(dim=-1, keepdim=True))[:, None]  # [B, 1, N]
    mean = (share * x).sum(dim=-1, keepdim=True)
    centred = x - mean
    return mean, (share * centred) @ centred.mT


def as_lut(mapping: Callable[[Tensor], Tensor], like: Tensor, size: int) -> Lut:
    """Evaluates a map of sRGB-encoded colours, one per image of the batch `like`, at the nodes; clamped to [0, 1]."""
    nodes = identity_table(size, dtype=torch.float64, device=like.device)
    return Lut(sample_nodes(mapping, nodes, like.shape[0]).clamp(0, 1).float())


def affine_lut(space: ColorSpace, matrix: Tensor, mean_c: Tensor, mean_r: Tensor, like: Tensor, size: int) -> Lut:
    """The map `matrix (x - mean_c) + mean_r` in a space, of `[B, 3, 3]` and means `[B, 3, 1]`, as a LUT."""

    def grade(image: Tensor) -> Tensor:
        return space.back((matrix @ (space.to(image).flatten(2) - mean_c) + mean_r).view_as(image))

    return as_lut(grade, like, size)


def check_images(content: Tensor, reference: Tensor) -> None:
    """Raises an InputError unless both are floating-point `[B, 3, H, W]` of one B, with at least one pixel."""
    for image, name in ((content, "content"), (reference, "reference")):
        if image.dim() != 4 or image.shape[1] != 3 or image.numel() == 0:
            raise InputError(f"the {name} must be images [B, 3, H, W], not {list(image.shape)}")
        if not image.is_floating_point():
            raise InputError(f"the {name} must be floating point in [0, 1], not {image.dtype}")
    if content.shape[0] != reference.shape[0]:
        raise InputError(
            f"{content.shape[0]} contents need as many references, not {reference.shape[0]}; expand one to all"
        )
