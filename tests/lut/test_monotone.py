"""Tables whose greys rise: what rises stays, what falls is levelled, and saturated colours keep what they are."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lutgrade.lut import Lut, identity_table, looks
from lutgrade.lut.monotone import monotone_greys


def greys(table: torch.Tensor) -> torch.Tensor:
    """What becomes of 256 greys, `[B, 3, 256]`."""
    ramp = torch.linspace(0, 1, 256).expand(len(table), 3, 1, 256).contiguous()
    return Lut(table)(ramp)[:, :, 0]


@given(seed=st.integers(0, 10_000), strength=st.floats(0, 0.03))
@settings(max_examples=25, deadline=None)
def test_no_grey_falls_visibly(seed: int, strength: float) -> None:
    noise = torch.randn(2, 3, 9, 9, 9, generator=torch.Generator().manual_seed(seed))
    table = identity_table(9) + strength * noise
    ramp = greys(monotone_greys(table))
    fall = (ramp.cummax(-1).values - ramp).max()
    assert fall < 2 / 255


def test_looks_whose_greys_rise_are_unchanged() -> None:
    for name in ("teal_and_orange", "golden_hour"):
        table = looks()[name].lut(17).table[None]
        torch.testing.assert_close(monotone_greys(table), table, rtol=0, atol=0.002)  # one falls by half a code


def test_saturated_colours_are_left_alone() -> None:
    table = identity_table(9).clone()[None]
    for node in range(9):  # a hump over the greys
        table[:, :, node, node, node] += 0.3 * (node == 4)
    levelled = monotone_greys(table)
    assert greys(levelled).diff(dim=-1).min() > -1 / 255
    nodes = identity_table(9)
    saturated = nodes.amax(0) - nodes.amin(0) >= 0.5
    assert torch.equal(levelled[0][:, saturated], table[0][:, saturated])


def test_a_negative_stays_one() -> None:
    table = 1 - identity_table(5)[None]
    assert torch.equal(monotone_greys(table), table)
