"""AdaCM: a small network of colours whose weights are predicted from a pair (arXiv 2508.00548, Table 2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lutgrade.lut import Lut, identity_table
from lutgrade.models.adain import PairFeatures
from lutgrade.models.encoders import SmallEncoder, VGGEncoder

COLOR_HIDDEN = (16, 16)  # hidden channels of the network of colours


class AdaCM(nn.Module):
    """An MLP with weights predicted from the pair maps the identity LUT, as in AdaCM (AAAI 2023).

    Args:
        encoder: of both images.
        size: nodes a side of the LUT.
        resolution: side that the images are resized to for the encoder.
        width: channels of each scale of the features.
        hidden: channels of the head that predicts the weights.
        content_statistics: adds the content's own statistics to the features (ours).
    """

    def __init__(
        self,
        encoder: VGGEncoder | SmallEncoder,
        *,
        size: int = 33,
        resolution: int = 256,
        width: int = 64,
        hidden: int = 256,
        content_statistics: bool = False,
    ) -> None:
        super().__init__()
        self.size = size
        self.features = PairFeatures(encoder, resolution=resolution, width=width, content_statistics=content_statistics)
        layers = [nn.Linear(i, o) for i, o in zip((3, *COLOR_HIDDEN), (*COLOR_HIDDEN, 3), strict=True)]
        nn.init.zeros_(layers[-1].weight)  # the residual starts at zero, but for what the head adds
        nn.init.zeros_(layers[-1].bias)
        self.shapes = [layer.weight.shape for layer in layers]
        start = torch.cat([p.detach().flatten() for layer in layers for p in (layer.weight, layer.bias)])
        self.start = nn.Parameter(start)  # the weights for every pair, to which the head adds
        last = nn.Linear(hidden, len(start))
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.zero_()
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(9 * self.features.channels, hidden), nn.SiLU(), last)

    def initialise(self) -> None:
        """Reads the encoder's weights that training starts from."""
        self.features.encoder.initialise()

    def forward(self, content: Tensor, reference: Tensor) -> Lut:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to a LUT an image.

        In training the tables are left unclamped, so that nodes outside [0, 1] keep a gradient.
        """
        weights = self.start + self.head(self.features(content, reference)).float()  # [B, P]
        nodes = identity_table(self.size, dtype=weights.dtype, device=weights.device)
        with torch.autocast(weights.device.type, enabled=False):  # bfloat16 has fewer levels than an 8-bit image
            residual = self._color_network(2 * nodes.flatten(1) - 1, weights)  # [B, 3, S ** 3]
        table = nodes + residual.unflatten(-1, nodes.shape[1:])
        return Lut(table if self.training else table.clamp(0, 1))

    def _color_network(self, colors: Tensor, weights: Tensor) -> Tensor:
        """Colours `[3, N]` through the layers cut from `weights [B, P]`, to `[B, 3, N]`; tanh in between."""
        x, begin = colors.expand(len(weights), -1, -1), 0
        for i, (outputs, inputs) in enumerate(self.shapes):
            matrix = weights[:, begin : begin + outputs * inputs].unflatten(1, (outputs, inputs))
            begin += outputs * inputs
            bias = weights[:, begin : begin + outputs, None]
            begin += outputs
            x = torch.baddbmm(bias, matrix, torch.tanh(x) if i else x)
        return x
