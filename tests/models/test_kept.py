"""What is kept of a frozen network."""

from __future__ import annotations

import torch
from torch import Tensor

from lutgrade.models.kept import Kept


def test_only_what_is_new_is_made() -> None:
    made: list[int] = []

    def make(here: Tensor, there: Tensor) -> dict[str, Tensor]:
        made.append(len(here))
        return {"sum": (here + there).mean((1, 2, 3)), "same": here}

    kept = Kept(4)
    a, b = torch.rand(4, 3, 2, 2), torch.rand(4, 3, 2, 2)
    for pairs in (slice(0, 2), slice(0, 3), slice(1, 3)):
        found = kept(make, a[pairs], b[pairs])
        assert torch.equal(found["sum"], (a[pairs] + b[pairs]).mean((1, 2, 3)))
        assert torch.equal(found["same"], a[pairs])
    assert made == [2, 1]
    kept(make, b, a)  # the other way is another pair, and pushes the first out
    kept(make, a[:1], b[:1])
    assert made == [2, 1, 4, 1]
    assert len(kept.results) == 4


def test_nothing_is_kept_unasked() -> None:
    made: list[int] = []
    for _ in range(2):
        Kept(0)(lambda image: made.append(1) or {"image": image}, torch.rand(1, 3, 2, 2))
    assert len(made) == 2
