"""What a pair tells of the coefficients of its LUT: a Gaussian over them, and features."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lutgrade.models.basis import BasisAt, ResidualBasis
from lutgrade.models.descriptors import Descriptor
from lutgrade.models.kept import Kept
from lutgrade.models.lut_diffusion import Condition
from lutgrade.models.predictor import FITTED_LUTS, LutPredictor, LutSamples
from lutgrade.models.starting import checkpoint_weights
from lutgrade.weights import load_weights


class Evidence(Protocol):
    """Images of a pair to what they tell.

    Of each pair, `prior [B, K]` is the LUT that was expected before any colour was found again, with deviations of 1,
    `information [B, K, K]` how much more is known since, in inverse variances, `mean [B, K]` the likeliest LUT after
    all, and `features [B, length]` the rest.

    Attributes:
        basis: that the coefficients belong to.
        length: of the features.
    """

    basis: ResidualBasis
    length: int

    def initialise(self) -> None: ...

    def fit_to(self, data: LutSamples) -> None: ...

    def __call__(self, content: Tensor, reference: Tensor) -> Condition: ...


class PredictorEvidence(nn.Module):
    """The posterior of a `LutPredictor`: the LUT that it predicts, and how closely the colours it found pin it down.

    Args:
        size: nodes a side of the LUT.
        components: of its basis.
        checkpoint: folder of a predictor's checkpoint, whose weights are read when training starts; None starts from
            random ones.
        frozen: keeps the predictor as it is.
        cached: of how many pairs what they tell is kept, on the CPU; of a frozen predictor only.
        predictor: other arguments of `LutPredictor`.
    """

    def __init__(
        self,
        size: int,
        components: int,
        *,
        checkpoint: str | None = None,
        frozen: bool = True,
        cached: int = 0,
        **predictor: Any,
    ) -> None:
        super().__init__()
        self._kept = Kept(cached, frozen=frozen)
        self.checkpoint, self.frozen = checkpoint, frozen
        self.predictor = LutPredictor(size=size, components=components, **predictor).requires_grad_(not frozen)
        self.length = self.predictor.head[0].in_features

    def train(self, mode: bool = True) -> PredictorEvidence:
        """A frozen predictor goes on predicting as it does in use."""
        super().train(mode)
        self.predictor.train(mode and not self.frozen)
        return self

    @property
    def basis(self) -> ResidualBasis:
        """The predictor's."""
        return self.predictor.basis

    def initialise(self) -> None:
        """Reads the predictor's weights where they are named.

        Raises:
            MissingWeights: there is no such checkpoint.
            InputError: it is of another predictor.
        """
        if self.checkpoint is None:
            return
        weights = checkpoint_weights(self.checkpoint, "the condition starts from a trained predictor: train one")
        load_weights(self.predictor, weights, self.checkpoint)

    def fit_to(self, data: LutSamples) -> None:
        """Takes the components from the LUTs of a training set, unless a checkpoint has brought them."""
        if self.checkpoint is None:
            self.predictor.fit_to(data)

    def forward(self, content: Tensor, reference: Tensor) -> Condition:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self._kept(self._read, content, reference)

    def _read(self, content: Tensor, reference: Tensor) -> Condition:
        found = self.predictor.evidence(content, reference)
        information = information_of(found.basis, found.precision)
        prior = self.predictor.head(found.features).float()
        return {"mean": found.coefficients, "prior": prior, "information": information, "features": found.features}


class DescriptorEvidence(nn.Module):
    """The difference of two descriptors through an MLP (VCG, Table 3): features alone, and any LUT may be.

    Args:
        size: nodes a side of the LUT.
        components: of its basis.
        descriptor: of one image; fixed.
        length: of the features.
        hidden: of the MLP.
    """

    def __init__(
        self, size: int, components: int, *, descriptor: Descriptor, length: int = 288, hidden: int = 384
    ) -> None:
        super().__init__()
        self.basis = ResidualBasis(size, components)
        self.descriptor, self.length = descriptor, length
        self.mlp = nn.Sequential(nn.Linear(descriptor.length, hidden), nn.SiLU(), nn.Linear(hidden, length))

    def initialise(self) -> None:
        """Reads the descriptor's weights, where it has any."""
        self.descriptor.initialise()

    def fit_to(self, data: LutSamples) -> None:
        """Takes the components from the LUTs of a training set."""
        self.basis.fit(data.sample_luts(FITTED_LUTS, self.basis.size))

    def forward(self, content: Tensor, reference: Tensor) -> Condition:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ."""
        features = self.mlp(self.descriptor(reference) - self.descriptor(content)).float()
        mean = features.new_zeros(len(features), self.basis.count)
        information = features.new_zeros(len(features), self.basis.count, self.basis.count)
        return {"mean": mean, "prior": mean, "information": information, "features": features}


def information_of(basis: BasisAt, precision: Tensor) -> Tensor:
    """What colours observed with a precision `[B, N]` tell of the coefficients, `[B, K, K]`, in inverse variances."""
    with torch.autocast(precision.device.type, enabled=False):
        weights = precision.float().repeat_interleave(3, dim=1)[..., None]  # [B, 3 N, 1]
        return (basis.components * weights).mT @ basis.components
