"""Predictions through the cache: each is made once, and again only when something it follows from has changed."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from lutgrade.errors import InputError, LutgradeError
from lutgrade.evaluation.cache import Cache, digest, source_digest
from lutgrade.evaluation.items import Item
from lutgrade.evaluation.methods import LEVELS, Method, Prediction
from lutgrade.lut import Lut
from lutgrade.protocols import Sample
from lutgrade.training.batches import to_device

KIND = "predictions"
SAMPLES = ("ops", "color", "lut", "video", "data", "evaluation/items")  # the code that samples are made by


class Unreadable(InputError):
    """The sample of an item cannot be read."""


class Loaded:
    """An item whose sample is read once, when it is first asked for."""

    def __init__(self, item: Item, device: str = "cpu") -> None:
        self.item, self.device = item, torch.device(device)

    @cached_property
    def sample(self) -> Sample:
        """The item's sample; Unreadable where a file is broken."""
        try:
            return to_device(self.item.load(), self.device)
        except LutgradeError as error:
            raise Unreadable(str(error)) from error


class Predicted:
    """A method's answer for an item: from the cache, or made when first asked for.

    Attributes:
        key: what the answer follows from, digested.
    """

    def __init__(self, method: Method, loaded: Loaded, data: str, cache: Cache) -> None:
        """`data`: the name of the item's data set. InputError where a precomputed output is missing."""
        self._method, self.loaded, self._data, self._cache = method, loaded, data, cache
        self.key = digest(
            dict(method.version), source_digest(*SAMPLES), loaded.item.inputs, method.outputs(loaded.item, data)
        )

    @cached_property
    def prediction(self) -> Prediction:
        """The answer itself."""
        found = _read(self._cache, self.key)
        if found is None:
            found = self._method.predict(self.loaded.item, self.loaded.sample, self._data)
            _write(self._cache, self.key, found)
        return found

    @cached_property
    def graded(self) -> Tensor:
        """The graded frames `[T, 3, H, W]`."""
        return self.prediction.graded(self.loaded.sample)

    def grade_again(self) -> Tensor:
        """Grades anew, past the cache: for measuring what it costs."""
        return self._method.predict(self.loaded.item, self.loaded.sample, self._data).graded(self.loaded.sample)


def _read(cache: Cache, key: str) -> Prediction | None:
    found = cache.read_tensors(KIND, key)
    if found is None:
        return None
    tensors, notes = found
    seconds = float(notes["seconds"]) if "seconds" in notes else None
    if "frames" in tensors:
        return Prediction(None, tensors["frames"].float() / LEVELS, seconds)
    return Prediction(Lut(tensors["table"], tensors.get("domain"), tensors.get("shaper")), None, seconds)


def _write(cache: Cache, key: str, prediction: Prediction) -> None:
    tensors = {}
    if prediction.frames is not None:
        tensors["frames"] = (prediction.frames * LEVELS).round().to(torch.uint16)
    elif prediction.lut is not None:
        lut = prediction.lut
        parts = {"table": lut.table, "domain": lut.domain, "shaper": lut.shaper}
        tensors = {name: part for name, part in parts.items() if part is not None}
    notes = {} if prediction.seconds is None else {"seconds": repr(prediction.seconds)}
    cache.write_tensors(KIND, key, tensors, notes)
