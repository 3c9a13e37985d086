"""Scores of predictions: per frame where a metric has them, and per item, through the cache."""

from __future__ import annotations

import inspect
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from lutgrade.errors import InputError, LutgradeError
from lutgrade.evaluation.cache import Cache, Unkept, digest, source_digest
from lutgrade.evaluation.items import Item
from lutgrade.evaluation.methods import FolderMethod, Method
from lutgrade.evaluation.predict import Loaded, Predicted, Unreadable
from lutgrade.progress import Progress, silent
from lutgrade.weights import MissingWeights

CODE = ("metrics", "color", "evaluation/score")


@dataclass(frozen=True)
class Score:
    """What a method scored on an item: a value a frame, a pair of frames, or a call."""

    method: str
    data: str
    item: str
    clip: str
    metric: str
    values: list[float]

    @property
    def mean(self) -> float:
        """Over the values; those that are NaN, for which the metric is not defined, are left out."""
        defined = [value for value in self.values if not math.isnan(value)]
        return sum(defined) / len(defined) if defined else math.nan


@dataclass
class Scores:
    """All scores of a run, and why others are missing.

    Attributes:
        features: of each data set, method and set metric, the features of ours and of the wanted frames.
        seconds: of each prediction, by data set and method; empty where not known.
        missing: why a method has no scores, by data set and method.
        undefined: why a metric has no value, by data set, method and metric.
        skipped: items that could not be read, by data set and item.
        notes: what a metric has to say of itself.
    """

    scores: list[Score] = field(default_factory=list)
    features: dict[tuple[str, str, str], list[tuple[torch.Tensor, torch.Tensor]]] = field(default_factory=dict)
    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    missing: dict[tuple[str, str], str] = field(default_factory=dict)
    undefined: dict[tuple[str, str, str], str] = field(default_factory=dict)
    skipped: dict[tuple[str, str], str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


class Scorer:
    """Scores methods with metrics.

    Args:
        metrics: by their names in the configuration.
        versions: the resolved configuration of each metric.
        cache: of predictions and scores.
        device: where samples are put, graded and scored.
    """

    def __init__(
        self, metrics: Mapping[str, Any], versions: Mapping[str, Any], cache: Cache, device: str = "cpu"
    ) -> None:
        self.metrics, self.versions, self.cache, self.device = metrics, versions, cache, device
        self._absent: dict[str, str] = {}  # metrics whose weights were found missing

    def run(
        self, data: str, items: list[Item], methods: Mapping[str, Method], into: Scores, progress: Progress = silent
    ) -> None:
        """Scores every method on every item of a data set; adds to `into`. Raises Unkept on a full disk."""
        with progress(data, len(items)) as advance:
            for item in items:
                loaded = Loaded(item, self.device)
                for name, method in methods.items():
                    try:
                        self._score(name, method, loaded, data, into)
                    except Unreadable as error:
                        into.skipped[data, item.name] = str(error)
                        break
                    except Unkept:  # later ones would be lost too; what is kept already is not made again
                        raise
                    except LutgradeError as error:
                        into.missing.setdefault((data, name), str(error))
                advance()

    def _score(self, name: str, method: Method, loaded: Loaded, data: str, into: Scores) -> None:
        item, predicted = loaded.item, Predicted(method, loaded, data, self.cache)
        if predicted.prediction.seconds is not None:
            into.seconds.setdefault((data, name), []).append(predicted.prediction.seconds)
        for key, metric in self.metrics.items():
            try:
                if key in self._absent:
                    raise LutgradeError(self._absent[key])
                if hasattr(metric, "distance"):
                    pair = self._features(key, predicted)
                    into.features.setdefault((data, name, key), []).append(pair)
                else:
                    values = self._values(key, method, predicted)
                    into.scores.append(Score(name, data, item.name, item.clip, key, values))
            except MissingWeights as error:
                self._absent[key] = into.undefined[data, name, key] = str(error)
            except (Unreadable, Unkept):
                raise
            except LutgradeError as error:
                into.undefined.setdefault((data, name, key), str(error))
            else:
                if hasattr(metric, "note"):
                    into.notes[key] = metric.note

    def _values(self, key: str, method: Method, predicted: Predicted) -> list[float]:
        metric = self.metrics[key]
        costs = "grade" in inspect.signature(metric.__call__).parameters
        if costs and isinstance(method, FolderMethod):
            raise InputError("precomputed outputs do not tell what they cost")
        known = self.cache.read("scores", self._key(key, predicted, costs))
        if known is not None:
            return [float(value) for value in known["values"]]
        if costs:
            with torch.inference_mode():
                values = [float(metric(predicted.grade_again))]
        else:
            with torch.inference_mode():
                values = metric(predicted.graded, predicted.loaded.sample).flatten().tolist()
        self.cache.write("scores", self._key(key, predicted, costs), {"metric": key, "values": list(map(str, values))})
        return values

    def _features(self, key: str, predicted: Predicted) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the graded and of the wanted frames: the target, or the input where there is none."""
        metric, cached = self.metrics[key], self._key(key, predicted, False)
        known = self.cache.read_tensors("features", cached)
        if known is not None:
            return known[0]["ours"], known[0]["real"]
        sample = predicted.loaded.sample
        with torch.inference_mode():
            real = metric.features(sample.frames if sample.target is None else sample.target)
            pair = metric.features(predicted.graded), real
        self.cache.write_tensors("features", cached, {"ours": pair[0], "real": pair[1]}, {})
        return pair

    def _key(self, key: str, predicted: Predicted, costs: bool) -> str:
        machine = [platform.node(), torch.get_num_threads()] if costs else []
        note = getattr(self.metrics[key], "note", "")  # the flow in use depends on the weights at hand
        return digest(predicted.key, source_digest(*CODE), self.versions[key], note, machine)
