"""The fixed split rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutgrade.data.splits import split_of
from lutgrade.errors import InputError


@given(st.integers(0, 300), st.integers(2, 20))
def test_the_parts_are_disjoint_and_make_the_whole(count: int, every: int) -> None:
    items = list(range(count))
    train, val = split_of(items, "train", every), split_of(items, "val", every)
    assert sorted(train + val) == items == split_of(items, None, every)
    assert len(val) == -(-count // every)


def test_ten_percent_of_a_hundred() -> None:
    assert len(split_of(range(100), "val", 10)) == 10


@pytest.mark.parametrize(("split", "every"), [("test", 10), ("train", 1)])
def test_what_cannot_be_split_is_refused(split: str, every: int) -> None:
    with pytest.raises(InputError, match="split must be"):
        split_of([1, 2], split, every)
