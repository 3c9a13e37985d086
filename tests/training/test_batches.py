"""The order of the data and the seeds are functions of the position."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lutgrade.errors import InputError
from lutgrade.protocols import Sample
from lutgrade.training.batches import Fixed, Shuffled, derived_seed, loader, positions, prepare


class Numbers:
    """Item i is i and a draw from each of the global generators."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        draws = torch.tensor([index, random.random(), np.random.rand(), torch.rand(()).item()])  # noqa: NPY002
        return Sample(frames=draws, reference=draws, name=str(index))


@given(length=st.integers(1, 30), seed=st.integers(0, 2**40), epoch=st.integers(0, 3))
def test_every_pass_sees_every_item_once(length: int, seed: int, epoch: int) -> None:
    stream = Shuffled(Numbers(length), seed)
    names = [stream[epoch * length + place].name for place in range(length)]
    assert sorted(map(int, names)) == list(range(length))


def test_passes_and_seeds_have_orders_of_their_own() -> None:
    orders = {tuple(Shuffled(Numbers(20), seed)[20 * e + i].name for i in range(20)) for seed in (0, 1) for e in (0, 1)}
    assert len(orders) == 4


@settings(deadline=None)
@given(processes=st.sampled_from([1, 2, 3, 6]), start=st.integers(0, 5))
def test_processes_share_the_stream_and_a_resumed_one_is_its_rest(processes: int, start: int) -> None:
    per_process = [list(positions(start, 8, 12, 2, range(r, 6, processes))) for r in range(processes)]
    together = sorted(p for batches in per_process for batch in batches for p in batch)
    assert together == list(range(12 * start, 12 * 8))


def test_an_item_is_the_same_whatever_was_drawn_before_it() -> None:
    stream = Shuffled(Numbers(10), 3)
    first = stream[7].frames
    torch.rand(5), random.random()
    assert stream[4].frames.ne(first).any()
    assert stream[7].frames.equal(first)
    assert stream[17].frames[1:].ne(first[1:]).all()  # the next pass draws anew


def test_workers_give_what_this_process_gives() -> None:
    order = [[0, 1, 2], [3, 4, 5]]
    here = [batch.frames for batch in loader(Fixed(Numbers(6), 1), order, workers=0)]
    there = [batch.frames for batch in loader(Fixed(Numbers(6), 1), order, workers=2)]
    assert torch.equal(torch.cat(here), torch.cat(there))
    assert len(torch.cat(here)[:, 3].unique()) == 6


def test_prepare_moves_and_calls_the_sets_own(device: torch.device) -> None:
    batch = Sample(frames=torch.ones(1, 1, 3, 2, 2), reference=torch.ones(1, 1, 3, 2, 2), name="a")

    class Scaling(Numbers):
        def prepare(self, batch: Sample, device: torch.device, generator: torch.Generator) -> Sample:
            scale = torch.rand((), device=device, generator=generator)
            return Sample(frames=batch.frames.to(device) * scale, reference=batch.reference.to(device))

    plain = prepare(Numbers(1), batch, device, 5)
    assert plain.frames.device.type == plain.reference.device.type == device.type
    assert plain.target is None
    assert plain.name == "a"
    one, same, other = (prepare(Scaling(1), batch, device, seed).frames for seed in (5, 5, 6))
    assert one.equal(same)
    assert not one.equal(other)


def test_derived_seeds_differ() -> None:
    seeds = {derived_seed(*parts) for parts in [(0, 0), (0, 1), (1, 0), (0, 0, 1), (1,), (2**40, 3)]}
    assert len(seeds) == 6
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_an_empty_set_is_refused() -> None:
    empty: Any = Numbers(0)
    with pytest.raises(InputError, match="the training set is empty"):
        Shuffled(empty, 0)
