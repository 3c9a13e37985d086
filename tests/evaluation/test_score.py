"""Predicting once, scoring once, and what is said of what cannot be had."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lutgrade import load_model
from lutgrade.errors import InputError
from lutgrade.evaluation.cache import Cache, Unkept
from lutgrade.evaluation.items import Item, packaged_pairs
from lutgrade.evaluation.methods import FolderMethod, ModelMethod, Prediction
from lutgrade.evaluation.predict import Loaded, Predicted
from lutgrade.evaluation.score import Score, Scorer, Scores
from lutgrade.metrics.cost import FLOPs
from lutgrade.metrics.fidelity import PSNR
from lutgrade.models.ncst import ParametricGrade
from lutgrade.protocols import Sample
from lutgrade.video.stills import write_still
from lutgrade.weights import MissingWeights


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return packaged_pairs(graded_with=["bleach_bypass"])[:2]


def method(name: str = "mkl") -> ModelMethod:
    return ModelMethod(name, runs="nowhere")


class Counted:
    """A method that counts how often it is asked."""

    def __init__(self, inner: ModelMethod) -> None:
        self.inner, self.version, self.calls = inner, inner.version, 0

    def predict(self, item: Item, sample: Sample, data: str) -> Prediction:
        self.calls += 1
        return self.inner.predict(item, sample, data)

    def outputs(self, item: Item, data: str) -> str:
        return self.inner.outputs(item, data)


class Unavailable(PSNR):
    def __call__(self, graded: torch.Tensor, sample: Sample) -> torch.Tensor:
        raise MissingWeights("get them")


def scored(items: list[Item], cache: Cache, method: Any, **metrics: Any) -> Scores:
    scores = Scores()
    Scorer(metrics, {name: {} for name in metrics}, cache).run("d", items, {"m": method}, scores)
    return scores


def test_a_prediction_is_made_once(items: list[Item], tmp_path: Path) -> None:
    cache, counted = Cache(tmp_path), Counted(method())
    first = scored(items, cache, counted, psnr=PSNR())
    again = scored(
        [replace(item, load=lambda: pytest.fail("read again")) for item in items], cache, counted, psnr=PSNR()
    )
    assert counted.calls == len(items)
    assert [s.values for s in again.scores] == [s.values for s in first.scores]
    assert again.seconds == first.seconds  # what was measured when it was made


def test_the_score_is_of_what_the_model_makes(items: list[Item], tmp_path: Path) -> None:
    found = scored(items, Cache(tmp_path), method(), psnr=PSNR()).scores[0]
    sample = items[0].load()
    graded = load_model("mkl")(sample.frames, sample.reference)(sample.frames)
    assert sample.target is not None
    wanted = -10 * (graded - sample.target).square().mean().log10()
    assert found.values == pytest.approx([float(wanted)], abs=1e-4)
    assert (found.item, found.clip) == ("astronaut/bleach_bypass", "astronaut")


@pytest.mark.parametrize("what", ["model", "input", "metric", "code"])
def test_a_result_of_another_key_is_not_reused(
    items: list[Item], tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, counted = Cache(tmp_path), Counted(method())
    scored(items[:1], cache, counted, psnr=PSNR())
    count = len(list((tmp_path / "scores").iterdir()))
    item, versions = items[0], {"psnr": {}}
    if what == "model":
        counted.version = {**counted.version, "model": "other weights"}
    elif what == "input":
        item = replace(item, inputs="other")
    elif what == "metric":
        versions = {"psnr": {"peak": 2}}
    else:
        monkeypatch.setattr("lutgrade.evaluation.predict.source_digest", lambda *_: "other code")
    Scorer({"psnr": PSNR()}, versions, cache).run("d", [item], {"m": counted}, Scores())
    assert counted.calls == (1 if what == "metric" else 2)
    assert len(list((tmp_path / "scores").iterdir())) == count + 1


def test_a_grade_that_is_no_lut_is_kept_as_frames(tmp_path: Path, items: list[Item]) -> None:
    sharp = method()
    sharp.model = lambda content, reference: ParametricGrade({"sharpness": torch.tensor([1.4])}, 9)  # type: ignore[assignment]
    made = Predicted(sharp, Loaded(items[0]), "d", Cache(tmp_path))
    graded = made.graded
    read = Predicted(sharp, Loaded(items[0]), "d", Cache(tmp_path))
    sharp.model = lambda content, reference: pytest.fail("predicted again")  # type: ignore[assignment]
    assert read.prediction.lut is None
    torch.testing.assert_close(read.graded, graded, atol=1e-7, rtol=0)
    exact = ParametricGrade({"sharpness": torch.tensor([1.4])}, 9)(items[0].load().frames)
    assert (graded - exact).abs().max() < 0.51 / 65535


def test_the_key_frame_is_the_most_similar_one() -> None:
    frames = torch.zeros(5, 3, 8, 8)
    frames[2] = torch.tensor([0.9, 0.1, 0.1])[:, None, None]
    seen: list[torch.Tensor] = []
    chooser = ModelMethod("identity", runs="nowhere", every=2)
    identity = chooser.model
    chooser.model = lambda content, reference: seen.append(content) or identity(content, reference)  # type: ignore[func-returns-value,assignment]
    sample = Sample(frames, frames[2:3])
    chooser.predict(Item("a", "a", "", lambda: sample), sample, "d")
    assert torch.equal(seen[0], frames[2:3])


def test_what_a_metric_lacks_is_said(items: list[Item], tmp_path: Path) -> None:
    scores = scored(items, Cache(tmp_path), method(), lpips=Unavailable(), psnr=PSNR())
    assert scores.undefined == {("d", "m", "lpips"): "weights not found: get them"}
    assert {score.metric for score in scores.scores} == {"psnr"}


def test_an_item_that_cannot_be_read_is_skipped_and_named(items: list[Item], tmp_path: Path) -> None:
    def broken() -> Sample:
        raise InputError("damaged")

    bad = replace(items[0], load=broken)
    scores = scored([bad, items[1]], Cache(tmp_path), method(), psnr=PSNR())
    assert scores.skipped == {("d", bad.name): "damaged"}
    assert [score.item for score in scores.scores] == [items[1].name]
    assert not scores.missing


def test_outputs_in_a_folder_are_scored(items: list[Item], tmp_path: Path) -> None:
    item, out = items[0], tmp_path / "out" / "d" / f"{items[0].name}.png"
    out.parent.mkdir(parents=True)
    sample = item.load()
    assert sample.target is not None
    write_still(sample.target[0], out)
    cache = Cache(tmp_path / "cache")
    scores = scored(items, cache, FolderMethod(tmp_path / "out"), psnr=PSNR(), flops=FLOPs())
    assert scores.scores[0].values == [math.inf]
    assert "do not tell what they cost" in scores.undefined["d", "m", "flops"]
    assert "no output at" in scores.missing["d", "m"]  # of the second item
    write_still(sample.frames[0], out)  # other outputs, another score
    assert scored(items, cache, FolderMethod(tmp_path / "out"), psnr=PSNR()).scores[0].values[0] < 60
    write_still(sample.frames[0, :, :9], out)
    assert "holds [1, 3, 9, 230]" in scored(items, cache, FolderMethod(tmp_path / "out"), psnr=PSNR()).missing["d", "m"]


def test_a_name_with_hyphens_is_the_model_of_that_name() -> None:
    """Not all models that are written so: the key of a result is of the model's own configuration."""
    hyphens, plain, other = (method(name) for name in ("sliced-ot", "sliced_ot", "unbalanced-mkl"))
    assert hyphens.version == plain.version
    assert hyphens.version != other.version
    assert method("predictor-small").version == method("predictor_small").version


def test_outputs_are_scored_as_they_are_kept(
    items: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{items[0].name}.png").parent.mkdir()
    (tmp_path / f"{items[0].name}.png").touch()
    values = torch.linspace(-0.1, 1.1, items[0].load().frames.numel()).view_as(items[0].load().frames)
    monkeypatch.setattr("lutgrade.evaluation.methods.read_frames", lambda *_: values)
    first, again = (
        Predicted(FolderMethod(tmp_path), Loaded(items[0]), "d", Cache(tmp_path / "c")).graded for _ in range(2)
    )
    assert torch.equal(first, again)
    assert (first - values.clamp(0, 1)).abs().max() < 0.51 / 65535


def test_costs_are_of_the_method(items: list[Item], tmp_path: Path) -> None:
    scores = scored(items[:1], Cache(tmp_path), method("identity"), flops=FLOPs())
    assert scores.scores[0].values == [0]


def test_a_mean_leaves_out_what_is_not_defined() -> None:
    assert Score("m", "d", "i", "c", "x", [1.0, math.nan, 2.0]).mean == 1.5
    assert math.isnan(Score("m", "d", "i", "c", "x", [math.nan]).mean)


def test_a_result_that_cannot_be_kept_ends_the_run(items: list[Item], tmp_path: Path) -> None:
    (tmp_path / "scores").touch()  # where the folder of scores would be
    with pytest.raises(Unkept, match="cannot make the folder"):
        scored(items, Cache(tmp_path), method(), psnr=PSNR())
