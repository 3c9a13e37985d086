"""An L-Diffuser's condition as one vector, for generators of LUTs that read no tokens (VCG, Table 2)."""

from __future__ import annotations

from torch import Tensor, nn

from lutgrade.models.basis import ResidualBasis
from lutgrade.models.conditions import BankCondition
from lutgrade.models.lut_diffusion import Condition
from lutgrade.models.predictor import LutSamples


class BankEvidence(nn.Module):
    """The first bank of a condition, its tokens averaged: features alone, as much of an `Evidence` as generators read.

    Args:
        size: nodes a side of the LUT.
        components: of its basis; 0 where coefficients are not asked for.
        condition: encoder of the pair; VCG's is the GS-Extractor.
        length: channels of its first bank, which is the one that the published L-Diffuser reads.
    """

    def __init__(self, size: int, components: int, *, condition: BankCondition, length: int) -> None:
        super().__init__()
        self.basis = ResidualBasis(size, components)
        self.encoder, self.length = condition, length
        condition.wanted = condition.names[:1]

    def initialise(self) -> None:
        """Reads the weights that the encoder starts from."""
        self.encoder.initialise()

    def fit_to(self, data: LutSamples) -> None:
        """Takes nothing: no LUT is expected before another."""

    def forward(self, content: Tensor, reference: Tensor) -> Condition:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to `features` and a `mean` of zeros."""
        (bank,) = self.encoder(content, reference).values()  # [B, tokens, channels]
        features = bank.float().mean(1)
        return {"mean": features.new_zeros(len(features), self.basis.count), "features": features}
