"""Training pairs for an editor, which learns to put a grade on and to take one off (VCG, arXiv 2508.00548)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from lutgrade.data.graded import GradedPairs, UngradedSample
from lutgrade.data.images import Pictures
from lutgrade.data.luts import LutSource
from lutgrade.errors import InputError
from lutgrade.protocols import Sample


class BothWays(GradedPairs):
    """`GradedPairs` of which some have the grade on the content instead of on reference and target.

    Args:
        pictures: as for `GradedPairs`.
        luts: sources of grades.
        graded_content: how often it is the content that is graded.
        options: the other arguments of `GradedPairs`.

    Raises:
        InputError: no LUTs, a share that is none, or as `GradedPairs` does.
    """

    def __init__(
        self,
        pictures: Pictures,
        luts: Mapping[str, LutSource] | None = None,
        *,
        graded_content: float = 0.5,
        **options: Any,
    ) -> None:
        super().__init__(pictures, luts, **options)
        if self.bank is None:
            raise InputError("an editor is trained on graded pairs: give LUTs, as with data/luts=looks")
        if not 0 <= graded_content <= 1:
            raise InputError(f"graded_content is {graded_content}; it is a share, from 0 to 1")
        self.graded_content = graded_content

    def prepare(self, batch: UngradedSample, device: torch.device | str, generator: Generator | None = None) -> Sample:
        """As `GradedPairs` does, without the LUT, which does not lead from content to target everywhere."""
        graded = super().prepare(batch, device, generator)
        rows, weights = batch.rows.clone(), batch.weights.clone()  # [B, 2, 3]
        rows[:, 1], weights[:, 1] = 0, torch.tensor([1.0, 0.0, 0.0])  # row 0 of the bank is the identity
        plain = super().prepare(dataclasses.replace(batch, rows=rows, weights=weights), device, generator)
        swapped = torch.rand(len(graded.frames), generator=generator, device=device) < self.graded_content
        swapped = swapped[:, None, None, None, None]
        return Sample(
            frames=torch.where(swapped, _known(graded.target), graded.frames),
            reference=torch.where(swapped, plain.reference, graded.reference),
            target=torch.where(swapped, graded.frames, _known(graded.target)),
            name=batch.name,
        )


def _known(target: Tensor | None) -> Tensor:
    assert target is not None  # there are LUTs
    return target
