"""What NLUT, NCST and AdaCM share: features of the pair, and where training starts."""

from __future__ import annotations

from typing import TypedDict, Unpack

from torch import Tensor, nn

from lutgrade.lut import Lut
from lutgrade.models.adain import GRID, Norm, PairFeatures
from lutgrade.models.encoders import SmallEncoder, VGGEncoder
from lutgrade.models.layers import damped


class FeatureOptions(TypedDict, total=False):
    """The arguments of `PairFeatures`, but for the encoder."""

    resolution: int
    width: int
    norm: Norm
    content_statistics: bool


class PairModel(nn.Module):
    """A model that predicts its grade from features of the pair, and that can be trained on a single pair.

    Args:
        encoder: of both images.
        size: nodes a side of the LUT.
        features: the other arguments of `PairFeatures`.
    """

    def __init__(self, encoder: VGGEncoder | SmallEncoder, size: int, **features: Unpack[FeatureOptions]) -> None:
        super().__init__()
        self.size = size
        self.features = PairFeatures(encoder, **features)

    def initialise(self) -> None:
        """Reads the encoder's weights that training starts from."""
        self.features.encoder.initialise()

    def make_head(self, hidden: int, outputs: int, gain: float) -> nn.Sequential:
        """Two layers on the features `[B, C, 3, 3]`, the second `damped` by the gain."""
        last = damped(nn.Linear(hidden, outputs), gain)
        return nn.Sequential(nn.Flatten(), nn.Linear(GRID**2 * self.features.channels, hidden), nn.SiLU(), last)


def predicted_lut(residual: Tensor, *, training: bool) -> Lut:
    """The LUTs of residuals `[B, 3, S, S, S]`, in [0, 1]; in training unclamped: nodes outside keep a gradient."""
    lut = Lut.from_residual(residual)
    return lut if training else Lut(lut.table.clamp(0, 1))
