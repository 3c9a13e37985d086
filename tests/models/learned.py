"""Small learned models and pairs that the tests of models and objectives share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutgrade.lut import Lut
from lutgrade.models.encoders import SmallEncoder
from lutgrade.protocols import Objective, Sample

SMALL = {"size": 9, "resolution": 32, "width": 8, "hidden": 16, "content_statistics": True}


def small_encoder() -> SmallEncoder:
    return SmallEncoder((8, 8, 16, 16))


def pictures(seed: int, batch: int = 2, height: int = 32, width: int = 40) -> Tensor:
    """Smooth random pictures `[B, 3, H, W]` over most of [0, 1]."""
    coarse = torch.rand(batch, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True).clamp(0.02, 0.98)


def warm(image: Tensor) -> Tensor:
    """A grade to learn: more contrast, warmer, less saturated."""
    grey = image.mean(-3, keepdim=True)
    shift = torch.tensor([0.06, 0.0, -0.08])[:, None, None]
    return (0.5 + 1.15 * (0.7 * image + 0.3 * grey - 0.5) + shift).clamp(0, 1)


def graded_sample(seed: int = 0, batch: int = 2, frames: int = 1, size: int = 9) -> Sample:
    """A batch whose reference is another part of the content's picture, graded by `warm`."""
    picture = pictures(seed, batch, 32, 64)
    content, reference = picture[..., :40], warm(picture[..., 24:])
    clip = content[:, None].expand(-1, frames, -1, -1, -1)
    table = Lut.from_function(warm, size).table
    return Sample(frames=clip, reference=reference[:, None], target=warm(clip), lut=table.expand(batch, -1, -1, -1, -1))


def train(model: nn.Module, objective: Objective, batch: Sample, *, steps: int, learning_rate: float) -> list[float]:
    """The losses of a few steps of Adam on one batch."""
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=learning_rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = objective(model.train(), batch)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def without_gradient(model: nn.Module, loss: Callable[[], Tensor]) -> list[str]:
    """The names of the trainable parameters that a loss does not depend on."""
    model.zero_grad()
    loss().backward()
    return [n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]


def numbers(terms: Mapping[str, Tensor]) -> dict[str, float]:
    """The terms of an objective as plain numbers."""
    return {name: float(term.detach()) for name, term in terms.items()}
