"""Monotone tables: what rises stays, what falls is levelled, and nothing moves further than it must."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lutgrade.lut import identity_table, looks
from lutgrade.lut.monotone import monotone


@given(seed=st.integers(0, 10_000), strength=st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_every_channel_rises_with_its_own_input_and_stays_so(seed: int, strength: float) -> None:
    noise = torch.randn(2, 3, 5, 5, 5, generator=torch.Generator().manual_seed(seed))
    table = identity_table(5) + strength * noise
    levelled = monotone(table)
    for channel, dim in ((0, -1), (1, -2), (2, -3)):
        assert (levelled[:, channel].diff(dim=dim) >= 0).all()
    torch.testing.assert_close(monotone(levelled), levelled)


def test_looks_that_rise_are_unchanged() -> None:
    for name in ("teal_and_orange", "golden_hour"):
        table = looks()[name].lut(17).table
        torch.testing.assert_close(monotone(table), table, rtol=0, atol=1e-6)


def test_a_dip_is_levelled_half_way_from_both_sides() -> None:
    table = identity_table(5).clone()
    table[0, :, :, 2] = 0.1  # red falls from 0.25 to 0.1 and goes on at 0.75
    expected = torch.tensor([0.0, 0.175, 0.175, 0.75, 1.0])
    torch.testing.assert_close(monotone(table)[0, 3, 1], expected)
    torch.testing.assert_close(monotone(table)[1:], table[1:])
