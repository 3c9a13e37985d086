"""Our predictor: the colours of the content found again in the reference, and the likeliest LUT that did it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from lutgrade.lut import Lut
from lutgrade.lut.monotone import monotone
from lutgrade.models.basis import BasisAt, ResidualBasis
from lutgrade.models.correspondence import Correspondence
from lutgrade.models.encoders import to_square
from lutgrade.models.matching import linear_transport
from lutgrade.models.patches import STRIDE, PairContext, PatchEncoder
from lutgrade.models.pixels import check_images, moments

FITTED_LUTS = 1500
BINS = 8  # a side of the colour histograms
STATISTICS = 12 + 2 * (3 + 9)  # a linear map, and mean and covariance of both images


class LutSamples(Protocol):
    """A data set whose samples are graded with LUTs that it can show, `[count, 3, size, size, size]`."""

    def sample_luts(self, count: int, size: int) -> Tensor: ...


@dataclass(frozen=True)
class Evidence:
    """What a pair tells of the LUT between its images.

    Attributes:
        coefficients: of the likeliest LUT, `[B, K]`.
        features: of the pair, `[B, 3 * width]`.
        basis: at the colours of the content's patches.
        precision: how far each of those colours' new values was trusted at last, `[B, N]`.
    """

    coefficients: Tensor
    features: Tensor
    basis: BasisAt
    precision: Tensor


class LutPredictor(nn.Module):
    """A learned LUT: patches of the content found again in the reference, and the likeliest LUT between them (ours).

    A network sees both images as patches, with the statistics of the pair, and gives a prior: the LUT that it expects,
    as coefficients of principal components. Attention then reads off the reference what became of the content's
    colours, starting from MKL's linear map, and each round the likeliest LUT under prior and findings is solved for
    in closed form and is the next round's guess.

    Args:
        size: nodes a side of the LUT; 17 is enough for the LUTs that colourists make.
        components: how many.
        grid: patches a side that the images are divided into, even; they are resized to 8 pixels each.
        width: channels of a patch.
        layers: of the transformer that shows the images to each other.
        heads: of all attention.
        rounds: of finding colours and solving.
    """

    def __init__(
        self,
        *,
        size: int = 17,
        components: int = 64,
        grid: int = 12,
        width: int = 96,
        layers: int = 3,
        heads: int = 4,
        rounds: int = 3,
    ) -> None:
        super().__init__()
        self.resolution, self.rounds = grid * STRIDE, rounds
        self.basis = ResidualBasis(size, components)
        self.encoder = PatchEncoder(width, grid)
        self.context = PairContext(width, grid, layers, heads)
        self.correspondence = Correspondence(width, heads, grid**2)
        self.statistics = nn.Sequential(
            nn.Linear(2 * BINS**3 + STATISTICS, 4 * width), nn.SiLU(), nn.Linear(4 * width, width)
        )
        last = nn.Linear(2 * width, components)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.head = nn.Sequential(
            nn.Linear(3 * width, 4 * width), nn.SiLU(), nn.Linear(4 * width, 2 * width), nn.SiLU(), last
        )

    def fit_to(self, data: LutSamples) -> None:
        """Takes the components from the LUTs of a training set; the trainer calls it before the first step."""
        self.basis.fit(data.sample_luts(FITTED_LUTS, self.basis.size))

    def forward(self, content: Tensor, reference: Tensor) -> Lut:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to a LUT an image.

        In training the tables are left unclamped, so that nodes outside [0, 1] keep a gradient.
        """
        table = self.basis(self.evidence(content, reference).coefficients)
        return Lut(table if self.training else monotone(table).clamp(0, 1))

    def evidence(self, content: Tensor, reference: Tensor) -> Evidence:
        """What the LUT is made from, of images as in `forward`."""
        check_images(content, reference)
        content, reference = (to_square(image, self.resolution) for image in (content, reference))
        matrix, offset, statistics = _match(content, reference)
        known = self.statistics(torch.cat([histogram(content), histogram(reference), statistics], dim=1))
        (here, colors), (there, looks) = self.encoder(content), self.encoder(reference)
        here, there = self.context(here + known[:, None], there + known[:, None])
        features = torch.cat([here.mean(1), there.mean(1), known], dim=1)
        prior = self.head(features).float()
        likeness = self.correspondence.likeness(here, there)
        with torch.autocast(content.device.type, enabled=False):
            guess = (colors @ matrix.mT + offset.mT).clamp(0, 1)
            coefficients, basis, precision = self._solve(prior, likeness, here.float(), colors, guess, looks)
        return Evidence(coefficients, features.float(), basis, precision)

    def _solve(
        self, prior: Tensor, likeness: Tensor, features: Tensor, colors: Tensor, guess: Tensor, looks: Tensor
    ) -> tuple[Tensor, BasisAt, Tensor]:
        """The coefficients `[B, K]` after all rounds of finding colours and solving for the LUT, and from what."""
        basis = self.basis.at(colors)
        expected, coefficients, precision = basis(prior), prior, colors.new_zeros(colors.shape[:2])
        for _ in range(self.rounds):
            mapped, precision = self.correspondence(features, colors, guess, expected, likeness, looks)
            coefficients = basis.likeliest(mapped, precision, prior)
            guess = basis(coefficients)
        return coefficients, basis, precision


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
