"""LUTs made of two others."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lutgrade.data.compositions import Compositions
from lutgrade.data.luts import Looks, LutBank
from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table


class Power:
    """One LUT, x to a power."""

    mixed = 0.0

    def __init__(self, power: float, weight: float = 1.0) -> None:
        self.power, self.weight = power, weight

    def __len__(self) -> int:
        return 1

    def luts(self) -> list[Lut]:
        return [Lut(identity_table(33) ** self.power)]


def grey(lut: Lut) -> Tensor:
    return lut(torch.full((3, 1, 1), 0.5))


def test_two_grades_lie_between_the_weakest_and_both_in_full() -> None:
    made = Compositions({"darker": Power(2.0)}, count=12).luts()
    assert {lut.size for lut in made} == {17}
    levels = torch.stack([grey(lut) for lut in made])
    assert levels.min() > 0.0625 - 1e-3  # 0.5 ** 4
    assert levels.max() < 0.425 + 1e-3  # what a strength of 0.3 leaves of 0.5
    assert levels[:, 0].unique().numel() == 12


def test_a_source_without_weight_is_not_drawn_from() -> None:
    made = Compositions({"darker": Power(2.0), "never": Power(0.2, weight=0.0)}, count=20).luts()
    assert all((grey(lut) < 0.5).all() for lut in made)


def test_they_follow_from_their_seed_and_are_a_source() -> None:
    sources = {"looks": Looks(split="train")}
    first, again, other = (Compositions(sources, count=3, seed=seed).luts()[2].table for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert LutBank([Compositions(sources, count=3)], 9).tables().shape == (4, 3, 9, 9, 9)


def test_nothing_to_compose_is_refused() -> None:
    with pytest.raises(InputError, match="source"):
        Compositions({})
