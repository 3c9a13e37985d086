"""Samples to batches."""

from __future__ import annotations

import pytest
import torch

from lutgrade.data.samples import collate
from lutgrade.errors import InputError
from lutgrade.protocols import Sample


def test_tensors_are_stacked_names_joined_and_what_is_not_there_stays_so() -> None:
    samples = [Sample(torch.full((1, 3, 4, 5), i), torch.zeros(2, 3, 6, 6), name=f"s{i}") for i in range(3)]
    batch = collate(samples)
    assert batch.frames.shape == (3, 1, 3, 4, 5)
    assert batch.frames[:, 0, 0, 0, 0].tolist() == [0, 1, 2]
    assert batch.reference.shape == (3, 2, 3, 6, 6)
    assert batch.target is batch.lut is batch.masks is None
    assert batch.name == "s0, s1, s2"


def test_samples_of_different_sizes_are_named() -> None:
    small, large = (Sample(torch.zeros(1, 3, n, n), torch.zeros(1, 3, 4, 4), name=f"of {n}") for n in (4, 8))
    with pytest.raises(InputError, match=r"of 8: its frames is \[1, 3, 8, 8\], that of of 4"):
        collate([small, large])
