"""Ways to use a trained model other than asking it once."""

from __future__ import annotations

from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.models.adaptation import adapt
from lutgrade.models.encoders import to_square
from lutgrade.protocols import ColorMap, LutModel, Objective


class Adapted:
    """A model whose copy is trained on each pair before it predicts: test-time training.

    Args:
        model: a `LutModel` with parameters.
        objective: what is minimised; it may have no target.
        steps: of Adam, for each pair.
        learning_rate: of Adam.
        resolution: side of the squares that both images are resized to for training.

    Raises:
        InputError: a model without parameters.
    """

    def __init__(
        self, model: LutModel, objective: Objective, *, steps: int, learning_rate: float, resolution: int
    ) -> None:
        if not isinstance(model, nn.Module) or not any(p.requires_grad for p in model.parameters()):
            raise InputError(f"{type(model).__name__} has nothing to train on a pair")
        self.model, self.objective = model, objective
        self.steps, self.learning_rate, self.resolution = steps, learning_rate, resolution

    def __call__(self, content: Tensor, reference: Tensor) -> ColorMap:
        """Images `[1, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to a colour map."""
        if isinstance(self.objective, nn.Module):
            self.objective.to(content.device)
        small, look = (to_square(image, self.resolution) for image in (content, reference))
        trained = adapt(self.model, small, look, self.objective, steps=self.steps, learning_rate=self.learning_rate)
        return trained(content, reference)
