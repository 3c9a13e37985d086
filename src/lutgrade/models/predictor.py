"""Our predictor: the colours of the content found again in the reference, and the likeliest LUT that did it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.lut.monotone import monotone_greys
from lutgrade.models.basis import BasisAt, ResidualBasis
from lutgrade.models.correspondence import Correspondence
from lutgrade.models.encoders import to_square
from lutgrade.models.layers import damped
from lutgrade.models.matching import linear_transport
from lutgrade.models.patches import STRIDE, PairContext, PatchEncoder
from lutgrade.models.pixels import check_images, moments
from lutgrade.models.registration import overlap
from lutgrade.models.unbalanced import UnbalancedMKL

FITTED_LUTS = 1500
BINS = 8  # a side of the colour histograms
STATISTICS = 12 + 2 * (3 + 9)  # a linear map, and mean and covariance of both images

SETTLING = 8  # rounds of weighing the pixels of an overlap by how well they agree
START = 250.0  # precision of a pixel at first
INDEPENDENT = 500  # pixels that an overlap counts as, since neighbours tell nearly the same
UNLIKE = (5.0, 15.0)  # mean precision of the content's patches: below the first nothing counts as found, above all
NOISE = (0.012, 0.15)  # of pixels laid over each other: less is not believed; more, and the two do not fit


class LutSamples(Protocol):
    """A data set whose samples are graded with LUTs that it can show, `[count, 3, size, size, size]`."""

    def sample_luts(self, count: int, size: int) -> Tensor: ...


@dataclass(frozen=True)
class Evidence:
    """What a pair tells of the LUT between its images.

    Attributes:
        coefficients: of the likeliest LUT, `[B, K]`.
        features: of the pair, `[B, 3 * width]`.
        basis: at the colours of the content that were found in the reference.
        precision: how far each of those colours' new values was trusted at last, `[B, N]`; 0 of pixels of images that
            could not be laid over each other.
    """

    coefficients: Tensor
    features: Tensor
    basis: BasisAt
    precision: Tensor


@dataclass(frozen=True)
class Observed:
    """Colours of the content with their new values `[B, N, 3]` and how far each is trusted, a precision `[B, N]`."""

    basis: BasisAt
    mapped: Tensor
    precision: Tensor

    def likeliest(self, prior: Tensor) -> Tensor:
        """The coefficients `[B, K]` of the LUT that did it, where `prior` was expected."""
        return self.basis.likeliest(self.mapped, self.precision, prior)

    def joined(self, other: Observed) -> Observed:
        """The colours of both, of the same images."""
        return Observed(
            self.basis.joined(other.basis),
            torch.cat([self.mapped, other.mapped], dim=1),
            torch.cat([self.precision, other.precision], dim=1),
        )


class LutPredictor(nn.Module):
    """A learned LUT: patches of the content found again in the reference, and the likeliest LUT between them (ours).

    A network sees both images as patches, with the statistics of the pair, and gives a prior: the LUT that it expects,
    as coefficients of principal components. Attention then reads off the reference what became of the content's
    colours, starting from MKL's linear map, and each round the likeliest LUT under prior and findings is solved for
    in closed form and is the next round's guess. Where both images show the same thing, they are laid over each other
    at last, and pixels are compared.

    Args:
        size: nodes a side of the LUT; 17 is enough for the LUTs that colourists make.
        components: how many.
        grid: patches a side that the images are divided into, even; they are resized to 8 pixels each.
        width: channels of a patch.
        layers: of the transformer that shows the images to each other.
        heads: of all attention.
        rounds: of finding colours and solving.
        pixels: of an overlap of the images that are compared, outside of training; 0 looks for none.
        follow: how far the LUT goes towards that of `UnbalancedMKL` where nothing of the content is found again,
            outside of training. What such a reference was graded with cannot be told, but its look can be followed.

    Raises:
        InputError: fewer rounds than one.
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
        pixels: int = 0,
        follow: float = 0.0,
    ) -> None:
        super().__init__()
        if rounds < 1:
            raise InputError(f"colours are found in at least one round, not {rounds}")
        self.resolution, self.rounds, self.pixels, self.follow = grid * STRIDE, rounds, pixels, follow
        self.basis = ResidualBasis(size, components)
        self.encoder = PatchEncoder(width, grid)
        self.context = PairContext(width, grid, layers, heads)
        self.correspondence = Correspondence(width, heads, grid**2)
        self.statistics = nn.Sequential(
            nn.Linear(2 * BINS**3 + STATISTICS, 4 * width), nn.SiLU(), nn.Linear(4 * width, width)
        )
        last = damped(nn.Linear(2 * width, components))
        self.head = nn.Sequential(
            nn.Linear(3 * width, 4 * width), nn.SiLU(), nn.Linear(4 * width, 2 * width), nn.SiLU(), last
        )

    def fit_to(self, data: LutSamples) -> None:
        """Takes the components from the LUTs of a training set; the trainer calls it before the first step."""
        self.basis.fit(data.sample_luts(FITTED_LUTS, self.basis.size))

    def forward(self, content: Tensor, reference: Tensor) -> Lut:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to a LUT an image, of float32.

        In training the tables are left unclamped, so that nodes outside [0, 1] keep a gradient.
        """
        evidence = self.evidence(content, reference)
        table = self.basis(evidence.coefficients)
        if self.training:
            return Lut(table)
        table = monotone_greys(table.clamp(0, 1)).clamp(0, 1)
        return Lut(self._following(table, evidence, content, reference) if self.follow else table)

    def _following(self, table: Tensor, evidence: Evidence, content: Tensor, reference: Tensor) -> Tensor:
        """Tables that go the further towards the matcher's, the less of the content was found in the reference."""
        unlike, alike = (math.log(bound) for bound in UNLIKE)
        compared = (evidence.precision > 0).sum(1)  # without places held by other pairs' pixels
        found = (evidence.precision.sum(1) / compared).clamp_min(1e-6).log()
        share = self.follow * ((alike - found) / (alike - unlike)).clamp(0, 1)
        if not share.any():
            return table
        matched = UnbalancedMKL(size=self.basis.size)(content.float(), reference.float()).table
        return table.lerp(matched, share[:, None, None, None, None])

    def evidence(self, content: Tensor, reference: Tensor) -> Evidence:
        """What the LUT is made from, of images as in `forward`."""
        check_images(content, reference)
        content, reference = content.float(), reference.float()
        prior, features, observed = self._patches(content, reference)
        coefficients = observed.likeliest(prior)
        if self.pixels and not self.training:
            coefficients, observed = self._compared(content, reference, prior, coefficients, observed)
        return Evidence(coefficients, features, observed.basis, observed.precision)

    def _patches(self, content: Tensor, reference: Tensor) -> tuple[Tensor, Tensor, Observed]:
        """The prior `[B, K]`, the pair's features, and what became of the content's patches."""
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
            return prior, features.float(), self._found(prior, likeness, here.float(), colors, guess, looks)

    def _found(
        self, prior: Tensor, likeness: Tensor, features: Tensor, colors: Tensor, guess: Tensor, looks: Tensor
    ) -> Observed:
        """What became of the content's colours, after all rounds of finding them and solving for the LUT."""
        basis = self.basis.at(colors)
        expected = basis(prior)
        for i in range(self.rounds):
            found = Observed(basis, *self.correspondence(features, colors, guess, expected, likeness, looks))
            if i < self.rounds - 1:
                guess = basis(found.likeliest(prior))
        return found

    def _compared(
        self, content: Tensor, reference: Tensor, prior: Tensor, coefficients: Tensor, found: Observed
    ) -> tuple[Tensor, Observed]:
        """The coefficients and what they rest on, with the pixels of pairs that show the same thing.

        Pixels that do not follow the LUT, since something moved or was covered, count little: reweighted least squares
        with Geman and McClure's weights, at the scale of the median error.
        """
        overlaps = [overlap(*pair, self.pixels) for pair in zip(content, reference, strict=True)]
        if not any(overlaps):
            return coefficients, found
        none = (content.new_zeros(self.pixels, 3),) * 2
        colors, looks = (torch.stack(part).float() for part in zip(*(one or none for one in overlaps), strict=True))
        there = torch.tensor([[one is not None] for one in overlaps], device=content.device)
        basis = self.basis.at(colors)
        settled = Observed(basis, looks, there.expand(-1, self.pixels) * START).likeliest(prior)
        for _ in range(SETTLING):
            error = (looks - basis(settled)).square().mean(-1).sqrt()
            noise = 1.5 * error.median(dim=1, keepdim=True).values.clamp_min(NOISE[0] / 1.5)
            precision = INDEPENDENT / self.pixels / noise**2 * (1 + (error / (2 * noise)) ** 2) ** -2
            both = found.joined(Observed(basis, looks, precision * (there & (noise < NOISE[1]))))
            settled = both.likeliest(prior)
        return settled, both


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
