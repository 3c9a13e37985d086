"""What a grade did to the content's colours: each patch of the content is found again in the reference."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from lutgrade.models.layers import damped

REACH = 0.3  # how far a patch's colour may be corrected apart from what was found
TRUST = (-8.0, 8.0)  # bounds of the log of a precision


class Correspondence(nn.Module):
    """Attention from the patches of the content to those of the reference, which reads off colours.

    Patches are alike in structure, as their features say, and in colour, once the content's colours are mapped by
    what is known of the grade; so it is asked again as more is known, as in the iterated closest points of
    registration. A small network weighs what the heads found against the guess and the prior, and says how far each
    patch is to be trusted.

    Args:
        width: channels of a patch.
        heads: each finds a colour of its own.
        patches: how many an image has; the precision starts where they weigh as much as the prior.
    """

    def __init__(self, width: int, heads: int, patches: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.structure = nn.Parameter(torch.full((heads,), 3.0))  # logs of what likeness counts, per head
        self.nearness = nn.Parameter(torch.linspace(1.0, 4.0, heads))
        self.candidates = heads + 2
        last = damped(nn.Linear(width, self.candidates + 3 + 1))
        with torch.no_grad():
            last.bias[heads] = 2.0  # untrained, the guess is mostly kept
            last.bias[-1] = 6.0 - math.log(patches)
        self.weigh = nn.Sequential(nn.Linear(width + 3 * self.candidates + heads, width), nn.GELU(), last)

    def likeness(self, content: Tensor, reference: Tensor) -> Tensor:
        """How alike patches of features `[B, N, width]` and `[B, M, width]` are in structure, `[B, heads, N, M]`."""
        query, key = (
            normalize(layer(features).unflatten(2, (self.heads, -1)).transpose(1, 2).float(), dim=-1)
            for layer, features in ((self.query, content), (self.key, reference))
        )
        return query @ key.mT * self.structure.exp()[:, None, None]

    def forward(
        self, features: Tensor, colors: Tensor, guess: Tensor, prior: Tensor, likeness: Tensor, reference: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What the content's colours become, `[B, N, 3]`, and the precision of that, `[B, N]`.

        Args:
            features: of the content's patches, `[B, N, width]`.
            colors: theirs, `[B, N, 3]`, sRGB-encoded in [0, 1].
            guess: what they are thought to become so far, `[B, N, 3]`.
            prior: what they become without looking at colours, `[B, N, 3]`.
            likeness: as `likeness` gives it.
            reference: colours of the reference's patches, `[B, M, 3]`.
        """
        distance = torch.cdist(guess, reference).square()[:, None]  # [B, 1, N, M]
        attention = (likeness - distance * self.nearness.exp()[:, None, None]).softmax(-1)
        found = torch.einsum("bhnm,bmc->bnhc", attention, reference)
        candidates = torch.cat([found, guess[:, :, None], prior[:, :, None]], dim=2)  # [B, N, heads + 2, 3]
        sharpness = attention.amax(-1).mT  # [B, N, heads]: near 1 where one patch alone is alike
        known = torch.cat([features, (candidates - colors[:, :, None]).flatten(2), sharpness], dim=2)
        choice, correction, trust = self.weigh(known).float().split([self.candidates, 3, 1], dim=2)
        mapped = torch.einsum("bnk,bnkc->bnc", choice.softmax(-1), candidates) + REACH * correction
        return mapped, trust[..., 0].clamp(*TRUST).exp()
