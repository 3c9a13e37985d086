"""An exponential moving average of a model's weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the model (its `module`) that follows the weights at each `update_parameters(model)`.

    The decay of update n is `min(decay, (1 + n) / (10 + n))`, so that a short run is not held at its first weights.
    Buffers are copied as they are.
    """

    def follow(averages: Tensors, weights: Tensors, updates: Tensor | int) -> None:
        n = int(updates)
        torch._foreach_lerp_(averages, weights, 1 - min(decay, (1 + n) / (10 + n)))

    with torch.no_grad():
        return AveragedModel(model, multi_avg_fn=torch.no_grad()(follow), use_buffers=False)
