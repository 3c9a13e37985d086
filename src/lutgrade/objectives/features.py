"""Features that losses are measured on: those of a frozen network, whose weights are read when they are needed."""

from __future__ import annotations

from torch import Tensor, nn


class FrozenFeatures:
    """A frozen encoder of images `[B, 3, H, W]` to a list of maps, on whatever device the images are.

    Args:
        network: its `initialise()`, where it has one, reads its weights before the first image.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network.requires_grad_(False).eval()
        self._initialised = False

    def __call__(self, image: Tensor) -> list[Tensor]:
        """Raises an InputError or MissingWeights where the weights cannot be read."""
        if not self._initialised:
            initialise = getattr(self.network, "initialise", None)
            if initialise is not None:
                initialise()
            self._initialised = True
        return self.network.to(image.device)(image)
