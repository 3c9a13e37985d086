"""Rows of a table: what is trained on a pair, runs of several seeds, and what a row lacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import Tensor

from lutgrade import paths
from lutgrade.checkpoints import build, build_model, save_checkpoint
from lutgrade.errors import InputError
from lutgrade.evaluation.items import packaged_pairs
from lutgrade.evaluation.methods import ModelMethod
from lutgrade.evaluation.rows import methods_of
from lutgrade.evaluation.run import evaluate
from lutgrade.models.adaptation import as_sample
from lutgrade.protocols import Sample

NCST = yaml.safe_load((paths.configs() / "model" / "ncst_small.yaml").read_text())


def composed(*overrides: str) -> Any:
    with initialize_config_dir(str(paths.configs()), version_base="1.3"):
        return compose("evaluate", [*overrides])


def plain(config: Any) -> dict[str, Any]:
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


def checkpoint(folder: Path, seed: int = 0, bias: float = 0.1) -> Path:
    """A model that was not trained, but for what it predicts: all parameters a little off."""
    torch.manual_seed(seed)
    model: Any = build_model(NCST)
    torch.nn.init.constant_(model.head[-1].bias, bias)
    return save_checkpoint(folder, model, NCST)


def test_a_model_is_trained_on_the_pair_before_it_predicts(tmp_path: Path) -> None:
    grader = {**plain(composed("table=paired").table.graders)["ncst_small"], "steps": 6, "learning_rate": 3e-3}
    folder = str(checkpoint(tmp_path / "a"))
    plainly, trained = ModelMethod(folder, runs=""), ModelMethod(folder, runs="", grader=grader)
    item = packaged_pairs(graded_with=["teal_and_orange"])[0]
    sample, objective = item.load(), build(grader["objective"])

    def loss(method: ModelMethod) -> float:
        with torch.inference_mode():
            return float(objective(method.model, as_sample(sample.frames, sample.reference))["loss"])

    assert loss(trained) < 0.99 * loss(plainly)
    assert trained.version != plainly.version
    first, second = (trained.predict(item, sample, "d").graded(sample) for _ in range(2))
    assert torch.equal(first, second)  # the model itself is as it was
    with pytest.raises(InputError, match="Identity has nothing to train on a pair"):
        ModelMethod("identity", runs="", grader=grader)


class Brighter:
    """A grader: all frames at once, and a seed."""

    def __call__(self, frames: Tensor, reference: Tensor, *, seed: int) -> Tensor:
        return frames + 0.1 + seed


def test_a_grader_gets_all_frames_and_keeps_them() -> None:
    method = ModelMethod("identity", runs="")
    method.model = Brighter()
    frames = torch.linspace(0, 1, 3 * 3 * 4 * 4).view(3, 3, 4, 4)
    sample = Sample(frames, frames[:1])
    found = method.predict(packaged_pairs(graded_with=["noir_in_colour"])[0], sample, "d")
    assert found.lut is None
    torch.testing.assert_close(found.graded(sample), (frames + 0.1).clamp(max=1), atol=1e-5, rtol=0)


def test_the_key_frame_is_chosen_by_the_selector_of_the_row(tmp_path: Path) -> None:
    selectors = plain(composed("table=vcg_table3_small").table.selectors)
    frames = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    chosen = {}
    for name in ("random", "lab_histogram"):
        method = ModelMethod("identity", runs="", every=1, selector=selectors[name])
        chosen[name] = method._key_frames(Sample(frames, frames[4:5] * 0.99))[0]
    assert torch.equal(chosen["lab_histogram"], frames[4:5])
    assert not torch.equal(chosen["random"], frames[4:5])


def test_a_row_of_several_runs_is_their_mean(tmp_path: Path) -> None:
    for seed, bias in ((0, 0.3), (2, -0.3)):
        checkpoint(tmp_path / f"runs/ncst_small_s{seed}/best", bias=bias)
    rows = "[{name: identity, model: identity},{name: ours, runs: ncst_small},{name: none, runs: nlut_small},"
    rows += "{name: no such, runs: nlut_smal}]"
    path = evaluate(composed(
        "table=paired_mini", f"output={tmp_path / 'out'}", f"cache={tmp_path / 'cache'}", f"paths.runs={tmp_path}/runs",
        "+table.seeds=[0,1,2]", f"table.rows={rows}", "table.datasets.looks.graded_with=[teal_and_orange]",
    ))  # fmt: skip
    assert path is not None
    text = path.read_text()
    lines = [json.loads(line) for line in (path.parent / "scores.jsonl").read_text().splitlines()[1:]]
    means = torch.tensor([
        [line["values"][0] for line in lines if line["method"] == f"ours (seed {seed})" and line["metric"] == "psnr"]
        for seed in (0, 2)
    ]).mean(1)  # fmt: skip
    assert f"| ours | {means.mean():.2f} ± {means.std():.2f} [" in text
    assert "ours: 2 of 3 runs." in text
    command = "python scripts/train.py experiment=nlut_small name=nlut_small_s0 seed=0"
    assert f"none: not run: no checkpoint; train one: {command}\n" in text
    assert "no such: not run: there is no configs/experiment/nlut_smal.yaml" in text


def test_a_row_has_settings_of_its_own() -> None:
    config = plain(composed("table=paired_mini", "output=none"))
    rows = [{"name": "fine", "model": "mkl", "settings": {"size": 9}}, {"name": "mkl", "model": "mkl"}]
    fine, plain_mkl = methods_of(rows, config, "cpu").found.values()
    assert (fine.model.size, plain_mkl.model.size) == (9, 33)
    assert fine.version != plain_mkl.version


def test_a_run_without_a_seed_stands_in(tmp_path: Path) -> None:
    checkpoint(tmp_path / "ncst_small/best")
    config = plain(composed("table=paired_mini", f"paths.runs={tmp_path}", "output=none"))
    config["table"]["seeds"] = [0, 1, 2]
    methods = methods_of([{"name": "ours", "runs": "ncst_small"}], config, "cpu")
    assert methods.of("ours") == ["ours"]
    assert methods.notes == ["ours: 1 of 3 runs."]


@pytest.mark.parametrize("name", sorted(path.stem for path in (paths.configs() / "grader").glob("*.yaml")))
def test_every_grader_is_built_around_a_model(name: str) -> None:
    with initialize_config_dir(str(paths.configs()), version_base="1.3"):
        config = plain(compose("train", [f"+grader={name}"]).grader)
    assert callable(build(config)(build_model(NCST)))
