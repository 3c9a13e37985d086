"""AdaCM: a small network of colours whose weights are predicted from a pair (arXiv 2508.00548, Table 2)."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor, nn

from lutgrade.lut import Lut, identity_table
from lutgrade.models.encoders import SmallEncoder, VGGEncoder
from lutgrade.models.layers import damped
from lutgrade.models.pair import FeatureOptions, PairModel, predicted_lut

COLOR_HIDDEN = (16, 16)  # hidden channels of the network of colours


class ColorNetwork(nn.Module):
    """A small MLP that maps colours to residuals, read at the nodes of a LUT; its weights differ by pair.

    Args:
        size: nodes a side of the LUT.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        layers = [nn.Linear(i, o) for i, o in zip((3, *COLOR_HIDDEN), (*COLOR_HIDDEN, 3), strict=True)]
        damped(layers[-1])  # the residual starts at zero, but for what the head adds
        self.shapes = [layer.weight.shape for layer in layers]
        start = torch.cat([p.detach().flatten() for layer in layers for p in (layer.weight, layer.bias)])
        self.start = nn.Parameter(start)  # the weights for every pair, to which the head adds
        self.count = len(start)

    def forward(self, changes: Tensor) -> Tensor:
        """Changes of the weights `[B, count]` to the residual `[B, 3, S, S, S]` (channel, blue, green, red)."""
        weights = self.start + changes.float()
        nodes = identity_table(self.size, dtype=weights.dtype, device=weights.device)
        with torch.autocast(weights.device.type, enabled=False):  # bfloat16 has fewer levels than an 8-bit image
            return self._map(2 * nodes.flatten(1) - 1, weights).unflatten(-1, nodes.shape[1:])

    def _map(self, colors: Tensor, weights: Tensor) -> Tensor:
        """Colours `[3, N]` through the layers cut from `weights [B, P]`, to `[B, 3, N]`; tanh in between."""
        x, begin = colors.expand(len(weights), -1, -1), 0
        for i, (outputs, inputs) in enumerate(self.shapes):
            matrix = weights[:, begin : begin + outputs * inputs].unflatten(1, (outputs, inputs))
            begin += outputs * inputs
            bias = weights[:, begin : begin + outputs, None]
            begin += outputs
            x = torch.baddbmm(bias, matrix, torch.tanh(x) if i else x)
        return x


class AdaCM(PairModel):
    """An MLP with weights predicted from the pair maps the identity LUT, as in AdaCM (AAAI 2023).

    Args:
        encoder: of both images.
        size: nodes a side of the LUT.
        hidden: channels of the head that predicts the weights.
        features: resolution, width, ... of `PairFeatures`.
    """

    def __init__(
        self,
        encoder: VGGEncoder | SmallEncoder,
        *,
        size: int = 33,
        hidden: int = 256,
        **features: Unpack[FeatureOptions],
    ) -> None:
        super().__init__(encoder, size, **features)
        self.network = ColorNetwork(size)
        self.head = self.make_head(hidden, self.network.count, 0.1)

    def forward(self, content: Tensor, reference: Tensor) -> Lut:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to a LUT an image (`predicted_lut`)."""
        return predicted_lut(self.network(self.head(self.features(content, reference))), training=self.training)
