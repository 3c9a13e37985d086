"""What is kept of a frozen network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lutgrade.errors import InputError
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


def test_one_colour_in_two_shapes_is_two_images() -> None:
    kept = Kept(4)
    for shape in ((2, 8), (4, 4)):
        black = torch.zeros(1, 3, *shape)
        assert kept(lambda image: {"same": image}, black)["same"].shape == black.shape


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_images_of_any_precision_are_found_again(dtype: torch.dtype) -> None:
    kept, made = Kept(4), []
    for _ in range(2):
        kept(lambda image: made.append(1) or {"same": image}, torch.ones(1, 3, 2, 2, dtype=dtype))
    assert len(made) == 1


def test_what_is_kept_does_not_hold_its_batch() -> None:
    kept = Kept(4)
    kept(lambda image: {"same": image}, torch.rand(4, 3, 2, 2))
    assert {one["same"].untyped_storage().nbytes() for one in kept.results.values()} == {3 * 2 * 2 * 4}


def test_nothing_is_kept_of_what_is_trained() -> None:
    with pytest.raises(InputError, match="cannot be kept while it is trained"):
        Kept(1, frozen=False)


def test_nothing_is_kept_unasked() -> None:
    made: list[int] = []
    for _ in range(2):
        Kept(0)(lambda image: made.append(1) or {"image": image}, torch.rand(1, 3, 2, 2))
    assert len(made) == 2
