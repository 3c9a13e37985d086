"""The order of the data and every random number of a run, as functions of the seed and the position alone.

A step takes `batch_size` items, cut into micro-batches that are each one forward pass. Micro-batches are dealt to the
processes, and randomness is seeded by (seed, step, micro-batch), so that losses depend neither on the number of
processes nor on where a run was stopped and resumed.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lutgrade.data.samples import collate
from lutgrade.errors import InputError
from lutgrade.protocols import Sample

# What a derived seed is for; part of its derivation, so that no two uses share a stream.
ORDER, ITEM, STEP, FIXED_ITEM, VALIDATION = range(5)


class TrainingSet(Protocol):
    """What is trained on: a map-style data set of samples.

    It may have two methods more: `collate(samples) -> Sample` where `lutgrade.data.collate` is not enough, and
    `prepare(batch, device, generator) -> Sample`, which moves a batch to the device and does there whatever is best
    done batched (applying LUTs, augmentation). Items may draw from the global generators of `random`, numpy and
    torch: these are seeded before each.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def derived_seed(*parts: int) -> int:
    """One seed from several numbers, none negative; near numbers give unrelated seeds."""
    parts = (len(parts), *parts)  # numpy takes (1,) and (1, 0) for the same
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def seed_all(seed: int) -> None:
    """Seeds the global generators of `random`, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - for data sets that draw from it
    torch.manual_seed(seed)


def to_device(batch: Sample, device: torch.device) -> Sample:
    """The batch with its tensors on the device."""
    values = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
    moved: dict[str, Any] = {name: value.to(device) for name, value in values.items() if isinstance(value, Tensor)}
    return dataclasses.replace(batch, **moved)


def prepare(items: TrainingSet, batch: Sample, device: torch.device, seed: int) -> Sample:
    """The batch on the device, after the data set's own `prepare` where it has one; seeds the global generators."""
    seed_all(seed)
    if not hasattr(items, "prepare"):
        return to_device(batch, device)
    generator = torch.Generator(device).manual_seed(seed)
    return cast(Sample, items.prepare(batch, device, generator))


class Shuffled(Dataset[Sample]):
    """A data set as an endless stream: position p is in pass `p // len`, and every pass has an order of its own."""

    def __init__(self, items: TrainingSet, seed: int) -> None:
        if len(items) == 0:
            raise InputError("there is nothing to train on: the training set is empty")
        self.items, self.seed = items, seed
        self._order: tuple[int, list[int]] = (-1, [])

    def __getitem__(self, position: int) -> Sample:
        epoch, place = divmod(position, len(self.items))
        if self._order[0] != epoch:
            generator = torch.Generator().manual_seed(derived_seed(self.seed, ORDER, epoch))
            self._order = epoch, torch.randperm(len(self.items), generator=generator).tolist()
        seed_all(derived_seed(self.seed, ITEM, position))
        return self.items[self._order[1][place]]


class Fixed(Dataset[Sample]):
    """A data set in its own order, each item seeded by its index: validation sees the same items every time."""

    def __init__(self, items: TrainingSet, seed: int) -> None:
        self.items, self.seed = items, seed

    def __getitem__(self, index: int) -> Sample:
        seed_all(derived_seed(self.seed, FIXED_ITEM, index))
        return self.items[index]


def positions(start: int, stop: int, batch_size: int, micro: int, mine: Sequence[int]) -> Iterator[list[int]]:
    """The positions of this process's micro-batches (`mine`, of each step), step after step."""
    for step in range(start, stop):
        for part in mine:
            first = step * batch_size + part * micro
            yield list(range(first, first + micro))


def loader(stream: Shuffled | Fixed, batches: Iterable[list[int]], *, workers: int) -> Iterator[Sample]:
    """Reads batches of positions, in `workers` processes ahead of their use, or here when there are none."""
    stack: Callable[[Sequence[Sample]], Sample] = getattr(stream.items, "collate", collate)
    return iter(DataLoader(stream, batch_sampler=batches, collate_fn=stack, num_workers=workers))
