"""Samples to batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.protocols import Sample

S = TypeVar("S", bound=Sample)
SEPARATOR = ", "  # between the names of a batch


def collate(samples: Sequence[S]) -> S:
    """Stacks samples of one kind and one size into a batch: B in front of every tensor, the names joined.

    Raises:
        InputError: tensors of different sizes, with the names of their samples.
    """
    first = samples[0]
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(first):
        values = [getattr(sample, field.name) for sample in samples]
        if isinstance(values[0], Tensor):
            fields[field.name] = _stack(field.name, values, samples)
        elif isinstance(values[0], str):
            fields[field.name] = SEPARATOR.join(values)
        elif isinstance(values[0], tuple):
            fields[field.name] = tuple(item for value in values for item in value)
        else:
            fields[field.name] = values[0]
    return dataclasses.replace(first, **fields)


def _stack(field: str, values: list[Tensor], samples: Sequence[Sample]) -> Tensor:
    for value, sample in zip(values, samples, strict=True):
        if value.shape != values[0].shape:
            raise InputError(
                f"{sample.name}: its {field} is {list(value.shape)}, that of {samples[0].name} "
                f"{list(values[0].shape)}; a batch is of one size"
            )
    return torch.stack(values)
