"""How far two LUTs lie apart, as colours."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lutgrade.color.difference import ciede2000
from lutgrade.color.spaces import lab_to_lch, srgb_to_lab
from lutgrade.lut.lut import Lut, identity_table, sample_nodes
from lutgrade.lut.quality import HUES, LEAST_CHROMA, hue_index

SAMPLES = 33  # colours a side of the grid over sRGB [0, 1] on which LUTs are compared

IDENTICAL = 0.01  # CIEDE2000, what six decimals of a file come to


@dataclass(frozen=True)
class Comparison:
    """The difference of two LUTs over a grid of sRGB colours."""

    mean: float  # CIEDE2000
    percentile_95: float  # CIEDE2000
    largest: float  # CIEDE2000
    rms: tuple[float, float, float]  # of R, G and B, in 8-bit codes
    region: str  # which kind of colour differs most on average, such as "dark blue"
    region_mean: float  # CIEDE2000 over that region
    worst_color: tuple[float, float, float]  # the input, sRGB in [0, 1], with the largest difference

    def report(self) -> str:
        """The measures with their units, as lines of text."""
        if self.largest < IDENTICAL:
            return "the same, to CIEDE2000 below 0.01"
        codes = " ".join(f"{value:.2f}" for value in self.rms)
        color = " ".join(f"{value:.3f}" for value in self.worst_color)
        return (
            f"CIEDE2000           {self.mean:.2f} mean, {self.percentile_95:.2f} at 95 %, {self.largest:.2f} largest"
            f"\nRMS of R G B        {codes} codes of 255"
            f"\ndiffers most in     {self.region} colours, CIEDE2000 {self.region_mean:.2f} on average"
            f"\nlargest at          sRGB {color}"
        )


def compare(first: Lut, second: Lut) -> Comparison:
    """Measures how far two single LUTs lie apart over sRGB-encoded colours in [0, 1]; outputs are clipped to it."""
    colors = identity_table(SAMPLES)
    outputs = [sample_nodes(lut.to("cpu", torch.float32), colors).clamp(0, 1).flatten(2) for lut in (first, second)]
    lab = [srgb_to_lab(output) for output in outputs]  # [3, S, S * S]
    difference = ciede2000(*lab).flatten()
    red, green, blue = (outputs[0] - outputs[1]).double().square().mean((1, 2)).sqrt().mul(255).tolist()
    names = _regions(colors.flatten(2))
    means = {name: difference[inside].mean().item() for name, inside in names.items()}
    region = max(means, key=lambda name: means[name])
    worst = colors.flatten(1)[:, difference.argmax()].tolist()
    return Comparison(
        mean=difference.mean().item(),
        percentile_95=difference.quantile(0.95).item(),
        largest=difference.max().item(),
        rms=(red, green, blue),
        region=region,
        region_mean=means[region],
        worst_color=(worst[0], worst[1], worst[2]),
    )


def _regions(colors: Tensor) -> dict[str, Tensor]:
    """Masks `[N]` over colours `[3, H, W]`: every hue and grey, dark, medium and light."""
    lightness, chroma, hue = lab_to_lch(srgb_to_lab(colors)).flatten(1)
    kinds = torch.where(chroma < 2 * LEAST_CHROMA, len(HUES), hue_index(hue))
    tones = torch.bucketize(lightness, torch.tensor([35.0, 65.0]))
    regions = {
        f"{tone} {kind}": (tones == t) & (kinds == k)
        for t, tone in enumerate(("dark", "medium", "light"))
        for k, kind in enumerate((*HUES, "grey"))
    }
    return {name: inside for name, inside in regions.items() if bool(inside.any())}
