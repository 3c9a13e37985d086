"""Test-time training: a predictor's weights tuned to one pair under an objective."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

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
) -> Model:
    """A copy of the model, trained on one pair with Adam; the model itself stays as it is.

    Works inside `torch.inference_mode()` too, with a model that was made outside of it.

    Args:
        model: a `LutModel` with parameters.
        content: `[B, 3, H, W]`, sRGB-encoded in [0, 1]; the pairs of a batch are trained on together.
        reference: `[B, 3, h, w]`.
        objective: what is minimised; its `loss` is read.
        steps: NCST takes 500 with a batch of one, NLUT's published code 40.
        learning_rate: of Adam.

    Returns:
        The trained copy, in evaluation mode.
    """
    with torch.inference_mode(False), torch.enable_grad():
        pair = as_sample(content, reference)
        adapted = copy.deepcopy(model).train()
        trained = [p for p in adapted.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=learning_rate)
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            objective(adapted, pair)["loss"].backward()
            optimizer.step()
        return adapted.eval()


def as_sample(content: Tensor, reference: Tensor) -> Sample:
    """A pair of image batches as a batch of clips of one frame, NaN as 0; copies, so that autograd can use them."""
    clean = [image.detach().clone().float().nan_to_num(0.0).clamp(0, 1) for image in (content, reference)]
    return Sample(frames=clean[0][:, None], reference=clean[1][:, None])
