"""NLUT: a weighted sum of learned LUT bases, predicted from a pair (arXiv 2303.09170)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lutgrade.lut import Lut
from lutgrade.models.adain import Norm, make_norm
from lutgrade.models.encoders import SmallEncoder, VGGEncoder
from lutgrade.models.pair import PairModel, predicted_lut


class LutBases(nn.Module):
    """Residual LUTs in the compressed form of CLUT-Net: along the channel's own axis, and over the two others.

    A basis of channel c is `S G W`, where `S [size, s]` runs along the axis of c, `W [w, size * size]` over the two
    others, both shared, and `G [s, w]` is its own. A sum of bases is the sum of their `G`, so only one LUT an image
    is ever expanded. They start at zero, the identity.

    Args:
        size: nodes a side.
        count: how many.
        s: rank along the channel's own axis.
        w: rank over the two others.
    """

    def __init__(self, size: int, count: int, s: int, w: int) -> None:
        super().__init__()
        self.size, self.count = size, count
        self.own_axis = nn.Parameter(torch.empty(size, s).uniform_(-0.1, 0.1))
        self.other_axes = nn.Parameter(torch.empty(w, size * size).uniform_(-0.1, 0.1))
        self.cores = nn.Parameter(torch.zeros(count, 3, s, w))

    def forward(self, weights: Tensor) -> Tensor:
        """Weights `[B, count]` to the residual `[B, 3, S, S, S]` (channel, blue, green, red)."""
        with torch.autocast(weights.device.type, enabled=False):  # bfloat16 has fewer levels than an 8-bit image
            cores = torch.einsum("bn,ncsw->bcsw", weights.float(), self.cores)
            cubes = self.own_axis @ cores @ self.other_axes  # [B, 3, S, S * S], the channel's own axis first
        red, green, blue = cubes.unflatten(-1, (self.size, self.size)).unbind(1)
        return torch.stack([red.permute(0, 2, 3, 1), green.transpose(1, 2), blue], dim=1)


class NLUT(PairModel):
    """LUT bases weighed by features of the pair; NLUT, arXiv 2303.09170.

    Args:
        encoder: of both images.
        size: nodes a side of the LUT.
        resolution: side that the images are resized to for the encoder.
        width: channels of each scale of the features.
        hidden: channels of the head's first layer; the second has twice as many, the third as many.
        bases: how many LUTs are mixed.
        s: rank of a basis along its channel's own axis.
        w: rank over the two other axes.
        norm: `group`; `batch` follows the published code, also in its initial weights and in normalising the
            weights of the bases. Batch statistics make training on a single pair learn nothing from the images.
        content_statistics: adds the content's own statistics to the features (ours).
    """

    def __init__(
        self,
        encoder: VGGEncoder | SmallEncoder,
        *,
        size: int = 33,
        resolution: int = 256,
        width: int = 256,
        hidden: int = 512,
        bases: int = 2048,
        s: int = 32,
        w: int = 32,
        norm: Norm = "group",
        content_statistics: bool = False,
    ) -> None:
        super().__init__(
            encoder, size, resolution=resolution, width=width, norm=norm, content_statistics=content_statistics
        )
        self.head = nn.Sequential(
            nn.Conv2d(self.features.channels, hidden, 3),  # the 3 x 3 grid becomes one pixel
            make_norm(norm, hidden),
            nn.Tanh(),
            nn.Conv2d(hidden, 2 * hidden, 1),
            make_norm(norm, 2 * hidden),
            nn.Tanh(),
            nn.Conv2d(2 * hidden, hidden, 1),
            make_norm(norm, hidden),
            nn.Tanh(),
            nn.Conv2d(hidden, bases, 1),
            make_norm(norm, bases) if norm == "batch" else nn.Identity(),
        )
        self.bases = LutBases(size, bases, s, w)
        if norm == "batch":
            _start_wide(self.features.blocks)

    def forward(self, content: Tensor, reference: Tensor) -> Lut:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to a LUT an image (`predicted_lut`)."""
        weights = self.head(self.features(content, reference)).flatten(1)
        return predicted_lut(self.bases(weights), training=self.training)


def _start_wide(blocks: nn.Module) -> None:
    """The published code's initial weights: a deviation of 0.5 for convolutions and norms."""
    for module in blocks.modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, std=0.5)
