"""What NLUT, NCST and AdaCM share: features of the pair, and where training starts."""

from __future__ import annotations

from typing import TypedDict, Unpack

from torch import nn

from lutgrade.models.adain import Norm, PairFeatures
from lutgrade.models.encoders import SmallEncoder, VGGEncoder


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

    def make_head(self, hidden: int, last: nn.Linear) -> nn.Sequential:
        """Two layers on the features `[B, C, 3, 3]`, the second given."""
        return nn.Sequential(nn.Flatten(), nn.Linear(9 * self.features.channels, hidden), nn.SiLU(), last)
