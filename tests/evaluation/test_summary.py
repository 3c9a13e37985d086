"""What is averaged, and over what it is resampled."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutgrade.evaluation.summary import share_worse, summarise


def test_the_interval_is_over_clips() -> None:
    """Ten items of each clip with its value say no more than one: the interval stays as wide."""
    values = np.random.default_rng(0).normal(20, 3, 40).tolist()
    clips = [chr(ord("A") + i) for i in range(40)]
    once, tenfold = summarise(values, clips), summarise(values * 10, clips * 10)
    assert once is not None
    assert tenfold is not None
    assert (tenfold.items, tenfold.clips) == (400, 40)
    assert tenfold.mean == pytest.approx(once.mean, abs=1e-4)
    assert tenfold.low == pytest.approx(once.low, abs=1e-4)
    standard_error = np.std(values) / np.sqrt(len(values))
    assert once.high - once.low == pytest.approx(2 * 1.96 * standard_error, rel=0.1)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=12), st.integers(0, 3))
def test_the_mean_lies_in_its_interval_and_that_in_the_values(values: list[float], seed: int) -> None:
    found = summarise(values, [str(i % 4) for i in range(len(values))], seed=seed)
    assert found is not None
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert found == summarise(values, [str(i % 4) for i in range(len(values))], seed=seed)


def test_what_is_not_defined_is_left_out() -> None:
    found = summarise([1.0, math.nan, 3.0], ["a", "b", "a"])
    assert found is not None
    assert (found.mean, found.low, found.items, found.clips) == (2, 2, 2, 1)
    assert summarise([math.nan], ["a"]) is None
    assert summarise([], []) is None


def test_an_infinite_mean_has_no_interval() -> None:
    found = summarise([math.inf, 3.0], ["a", "b"])
    assert found is not None
    assert found.low == found.high == math.inf


def test_the_share_that_is_worse() -> None:
    assert share_worse([1, 2, 3, 4], [2, 2, 2, 2], lower_is_better=False) == 0.25
    assert share_worse([1, 2, 3, 4], [2, 2, 2, 2], lower_is_better=True) == 0.5
