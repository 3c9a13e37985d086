"""The learning rate's course."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutgrade.errors import InputError
from lutgrade.training import Schedule


@given(
    warmup=st.integers(0, 50),
    steps=st.integers(1, 200),
    decay=st.sampled_from(["constant", "linear", "cosine"]),
    final=st.floats(0, 1),
)
def test_it_rises_to_one_and_never_rises_again(warmup: int, steps: int, decay: str, final: float) -> None:
    schedule = Schedule(warmup, decay, final)  # type: ignore[arg-type]
    factors = [schedule(step, steps) for step in range(steps)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert factors[:warmup] == sorted(factors[:warmup])
    assert factors[warmup:] == sorted(factors[warmup:], reverse=True)
    if steps > warmup:
        assert factors[warmup] == 1


@pytest.mark.parametrize(
    ("decay", "middle", "last"), [("linear", 0.55, 0.1), ("cosine", 0.55, 0.1), ("constant", 1, 1)]
)
def test_known_values(decay: str, middle: float, last: float) -> None:
    schedule = Schedule(4, decay, 0.1)  # type: ignore[arg-type]
    assert [schedule(step, 105) for step in range(4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert schedule(54, 105) == pytest.approx(middle)
    assert schedule(104, 105) == pytest.approx(last)


def test_a_warmup_of_less_than_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="a warm-up of -1 steps"):
        Schedule(warmup=-1)


def test_an_unknown_decay_is_refused() -> None:
    with pytest.raises(InputError, match="unknown decay 'cosin'; it is constant, linear or cosine"):
        Schedule(decay="cosin")  # type: ignore[arg-type]
