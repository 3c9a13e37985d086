"""Our predictor: what a matcher finds, corrected by a network, among the LUTs that resemble its training's."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from lutgrade.lut import Lut
from lutgrade.models.basis import ResidualBasis
from lutgrade.models.encoders import SmallEncoder, to_square
from lutgrade.models.matching import linear_transport
from lutgrade.models.pixels import check_images, moments

FITTED_LUTS = 1500
BINS = 8  # a side of the colour histograms
ANCHORS = 12  # the matcher's map is read at the mean colours of 12 x 12 cells of the content
STATISTICS = 12 + 2 * (3 + 9)  # a linear map, and mean and covariance of both images


class LutSamples(Protocol):
    """A data set whose samples are graded with LUTs that it can show, `[count, 3, size, size, size]`."""

    def sample_luts(self, count: int, size: int) -> Tensor: ...


class LutPredictor(nn.Module):
    """A learned LUT: MKL's map, corrected by a network among the LUTs that resemble its training's (ours).

    The network sees features, histograms and statistics of the pair and gives coefficients of LUT components.

    The linear Monge-Kantorovich map of the pair is read at the content's colours, and the likeliest LUT under it is
    the anchor; the network adds to its coefficients. Untrained, it gives the anchor.

    Args:
        encoder: of both images; its deepest features are averaged.
        size: nodes a side of the LUT; 17 is enough for the LUTs that colourists make.
        components: how many.
        resolution: side that the images are resized to.
        hidden: channels of the head.
        anchor: False starts from the mean LUT instead.
    """

    def __init__(
        self,
        encoder: SmallEncoder,
        *,
        size: int = 17,
        components: int = 64,
        resolution: int = 128,
        hidden: int = 512,
        anchor: bool = True,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.resolution = resolution
        self.basis = ResidualBasis(size, components)
        self.statistics = nn.Sequential(
            nn.Linear(2 * BINS**3 + STATISTICS, hidden), nn.SiLU(), nn.Linear(hidden, hidden // 2)
        )
        last = nn.Linear(hidden // 2, components)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.head = nn.Sequential(
            nn.Linear(4 * encoder.channels[-1] + hidden // 2, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden // 2),
            nn.SiLU(),
            last,
        )
        # How far the matcher is trusted at the colours it was found on: the log of a precision.
        self.trust = nn.Parameter(torch.tensor(6.0)) if anchor else None

    def fit_to(self, data: LutSamples) -> None:
        """Takes the components from the LUTs of a training set; the trainer calls it before the first step."""
        self.basis.fit(data.sample_luts(FITTED_LUTS, self.basis.size))

    def forward(self, content: Tensor, reference: Tensor) -> Lut:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to a LUT an image.

        In training the tables are left unclamped, so that nodes outside [0, 1] keep a gradient.
        """
        check_images(content, reference)
        content, reference = (to_square(image, self.resolution) for image in (content, reference))
        matrix, offset, statistics = _match(content, reference)
        features = torch.cat([self._pooled(content), self._pooled(reference)], dim=1)
        known = self.statistics(torch.cat([histogram(content), histogram(reference), statistics], dim=1))
        coefficients = self.head(torch.cat([features, known], dim=1))
        if self.trust is not None:
            colors = nn.functional.adaptive_avg_pool2d(content, ANCHORS).flatten(2)  # [B, 3, N]
            mapped = (matrix @ colors + offset).clamp(0, 1)
            coefficients = coefficients + self.basis.likeliest(colors, mapped, self.trust.exp())
        table = self.basis(coefficients)
        return Lut(table if self.training else table.clamp(0, 1))

    def _pooled(self, image: Tensor) -> Tensor:
        """Mean and deviation of the deepest features, `[B, 2 C]`."""
        variance, mean = torch.var_mean(self.encoder(image)[-1].flatten(2), dim=2, correction=0)
        return torch.cat([mean, (variance + 1e-6).sqrt()], dim=1)


def histogram(image: Tensor) -> Tensor:
    """The square root of the share of the pixels of `[B, 3, H, W]` near each node of a cube of 8 a side, `[B, 512]`."""
    index = (image * (BINS - 1)).round().long().flatten(2)  # [B, 3, N]
    flat = (index[:, 0] * BINS + index[:, 1]) * BINS + index[:, 2]
    counts = image.new_zeros(len(image), BINS**3).scatter_add_(1, flat, torch.ones_like(flat, dtype=image.dtype))
    return (counts / flat.shape[1]).sqrt()


@torch.no_grad()
def _match(content: Tensor, reference: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The MKL map of the pair, matrix `[B, 3, 3]` and offset `[B, 3, 1]`, and what it came from as features."""
    mean_c, cov_c = moments(content.flatten(2).double()[..., None])
    mean_r, cov_r = moments(reference.flatten(2).double()[..., None])
    matrix = linear_transport(cov_c, cov_r, max_gain=4.0)
    offset = mean_r - matrix @ mean_c
    parts = (matrix, offset, mean_c, mean_r, 10 * cov_c, 10 * cov_r)  # covariances are about a tenth of the rest
    statistics = torch.cat([part.flatten(1) for part in parts], dim=1)
    return matrix.to(content), offset.to(content), statistics.to(content)
