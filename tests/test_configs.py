"""Every configuration composes, resolves and can be built, small and without weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from lutgrade import paths
from lutgrade.checkpoints import build
from lutgrade.errors import InputError
from lutgrade.training import Trainer

CONFIGS = paths.configs()
PARTS = ["model", "objective", "optimizer", "trainer"]
LARGE = "vcg"  # models that begin so have over a billion weights: they are built without memory behind them


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


@pytest.fixture(autouse=True)
def _hydra() -> Iterator[None]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        yield


def resolved(*overrides: str) -> dict[str, Any]:
    """What `configs/train.yaml` composes with overrides; nothing may be missing or dangling."""
    config = compose("train", list(overrides))
    assert isinstance(config, DictConfig)
    OmegaConf.resolve(config)
    assert not OmegaConf.missing_keys(config)
    return OmegaConf.to_container(config)  # type: ignore[return-value]


def targets(config: Any) -> Iterator[str]:
    if isinstance(config, Mapping):
        yield from [config["_target_"]] if "_target_" in config else []
        for value in config.values():
            yield from targets(value)
    elif isinstance(config, list):
        for value in config:
            yield from targets(value)


@pytest.mark.parametrize("override", [f"{group}={name}" for group in PARTS for name in names(group)])
def test_a_part_is_built(override: str) -> None:
    group, _, name = override.partition("=")
    with torch.device("meta" if group == "model" and name.startswith(LARGE) else "cpu"):
        part = build(resolved(override)[group])
    if group == "trainer":
        assert isinstance(part, Trainer)
    elif group == "optimizer":
        assert isinstance(part([nn.Parameter(torch.ones(1))]), torch.optim.Optimizer)
    else:
        assert callable(part)


@pytest.mark.parametrize("name", names("experiment"))
def test_an_experiment_is_built(name: str) -> None:
    config = resolved(f"experiment={name}")
    assert config["name"] == name
    for group in PARTS:
        with torch.device("meta" if group == "model" and name.startswith(LARGE) else "cpu"):
            build(config[group])


@pytest.mark.parametrize("name", names("experiment"))
def test_an_experiment_is_overrides_only(name: str) -> None:
    text = (CONFIGS / "experiment" / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# @package _global_\n")
    content = yaml.safe_load(text)
    assert all(key.startswith("override ") for default in content["defaults"] for key in default)
    assert not list(targets(content))


@pytest.mark.parametrize("name", names("data"))
def test_a_data_set_names_what_exists(name: str) -> None:
    data = resolved("~data@valid", f"data={name}")["data"]
    assert list(targets(data))
    for target in targets(data):
        assert callable(instantiate({"_target_": "hydra.utils.get_object", "path": target}))
    try:
        assert len(build(data)) > 0
    except InputError as error:  # its files are not on this machine
        complaint = str(error)
        pytest.skip(complaint) if "\n" not in complaint else pytest.fail(complaint)


@pytest.mark.parametrize("launcher", ["submitit_local", "submitit_slurm"])
def test_the_launchers_for_a_cluster_compose(launcher: str) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    config = compose("train", [f"hydra/launcher={launcher}"], return_hydra_config=True)
    assert launcher.removeprefix("submitit_").title() in config.hydra.launcher["_target_"]


def test_no_process_changes_its_folder_and_all_share_one() -> None:
    config = compose("train", ["name=x"], return_hydra_config=True)
    assert config.hydra.job.chdir is False
    assert config.hydra.run.dir == "outputs/train/x"


def test_every_group_is_covered() -> None:
    groups = {path.name for path in CONFIGS.iterdir() if path.is_dir()}
    assert groups <= {*PARTS, "data", "experiment", "paths", "table", "metric", "selector", "grader"}
    assert Path(CONFIGS / "train.yaml").is_file()
