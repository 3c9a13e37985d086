"""Images as patches: features of structure and colour, in the context of both images of a pair."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

STRIDE = 8  # pixels a side of a patch
LEVEL = 0.02  # added to the deviation that a flat picture is divided by


class PatchEncoder(nn.Module):
    """Convolutions over a picture as it is and normalised to its own mean and deviation, which undoes most of a grade.

    Args:
        width: channels of a patch.
        grid: patches a side; pictures have 8 times as many pixels a side.
    """

    def __init__(self, width: int, grid: int) -> None:
        super().__init__()
        narrow, half = max(8, width // 4), max(8, width // 2)
        self.layers = nn.Sequential(
            nn.Conv2d(6, narrow, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(narrow, half, 3, stride=2, padding=1),
            nn.GroupNorm(8, half),
            nn.SiLU(),
            nn.Conv2d(half, half, 3, padding=1),
            nn.GroupNorm(8, half),
            nn.SiLU(),
            nn.Conv2d(half, width, 3, stride=2, padding=1),
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.colors = nn.Linear(6, width)
        self.position = nn.Parameter(0.02 * torch.randn(grid**2, width))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Images `[B, 3, 8 G, 8 G]` to features `[B, G * G, width]` and mean colours `[B, G * G, 3]` of patches."""
        deviation, mean = torch.std_mean(image, dim=(2, 3), keepdim=True)
        features = self.layers(torch.cat([2 * image - 1, (image - mean) / (deviation + LEVEL)], dim=1))
        colors = avg_pool2d(image, STRIDE)
        spread = (avg_pool2d(image.square(), STRIDE) - colors.square()).clamp_min(1e-6).sqrt()
        known = self.colors(torch.cat([colors, spread], dim=1).flatten(2).mT)
        return features.flatten(2).mT + known + self.position, colors.flatten(2).mT


class PairContext(nn.Module):
    """A transformer over the patches of both images, two by two together, so that it costs little.

    Args:
        width: channels of a patch.
        grid: patches a side of an image, even.
        layers: of the transformer.
        heads: of its attention.
    """

    def __init__(self, width: int, grid: int, layers: int, heads: int) -> None:
        super().__init__()
        self.grid = grid
        self.kind = nn.Parameter(0.05 * torch.randn(2, 1, width))  # tells content from reference
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.mix = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, content: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Features `[B, G * G, width]` of each image to features that know of the other."""
        patches = torch.stack([content, reference], dim=1) + self.kind  # [B, 2, G * G, width]
        maps = patches.flatten(0, 1).mT.unflatten(2, (self.grid, self.grid))
        coarse = avg_pool2d(maps, 2).flatten(2).mT  # [2 B, G * G / 4, width]
        tokens = coarse.unflatten(0, (-1, 2)).flatten(1, 2)  # one sequence of both
        for layer in self.layers:
            tokens = layer(tokens)
        known = tokens.unflatten(1, (2, -1)).flatten(0, 1).mT.unflatten(2, (self.grid // 2, self.grid // 2))
        both = (maps + interpolate(known, scale_factor=2, mode="nearest")).flatten(2).mT
        both = (both + self.mix(both)).unflatten(0, (-1, 2))
        return both[:, 0], both[:, 1]
