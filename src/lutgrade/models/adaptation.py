"""Test-time training: a predictor's weights tuned to one pair, or to a few, under an objective."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from lutgrade.errors import LutgradeError
from lutgrade.models.frames import clean
from lutgrade.protocols import Objective, Sample

Model = TypeVar("Model", bound=nn.Module)


def adapt(
    model: Model,
    content: Tensor,
    reference: Tensor,
    objective: Objective,
    *,
    steps: int = 500,
    learning_rate: float = 1e-4,
    pairs_a_step: int | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Model:
    """A copy of the model, trained on pairs with Adam; the model itself stays as it is.

    Works inside `torch.inference_mode()` too, with a model that was made outside of it. Draws no random numbers.

    Args:
        model: a `LutModel` with parameters.
        content: `[B, 3, H, W]`, sRGB-encoded in [0, 1].
        reference: `[B, 3, h, w]`.
        objective: what is minimised; its `loss` is read.
        steps: NCST takes 500, NLUT's published code 40.
        learning_rate: of Adam.
        pairs_a_step: how many of the pairs a step is made on, in turn; NCST takes 1. None is all of them.
        advance: called once a step, for a progress bar.

    Returns:
        The trained copy, in evaluation mode.

    Raises:
        LutgradeError: it has diverged.
    """
    with torch.inference_mode(False), torch.enable_grad():
        pairs, count = as_sample(content, reference), len(content)
        adapted = copy.deepcopy(model).train()
        trained = [p for p in adapted.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=learning_rate)
        taken = pairs_a_step or count
        for step in range(steps):
            turn = [(step * taken + i) % count for i in range(taken)]
            optimizer.zero_grad(set_to_none=True)
            objective(adapted, Sample(pairs.frames[turn], pairs.reference[turn]))["loss"].backward()
            optimizer.step()
            advance()
        check_finite(adapted)
        return adapted.eval()


def check_finite(model: nn.Module) -> None:
    """Raises a LutgradeError where training has left a weight that is no number."""
    if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
        raise LutgradeError(f"training {type(model).__name__} on this pair diverged; a smaller learning rate may help")


def as_sample(content: Tensor, reference: Tensor) -> Sample:
    """Pairs of images as a batch of clips of one frame, NaN as 0; copies, so that autograd can use them."""
    content, reference = (clean(image.detach().clone().float()) for image in (content, reference))
    return Sample(frames=content[:, None], reference=reference[:, None])
