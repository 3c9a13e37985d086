"""Models by name and by path, and what a bad one says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from lutgrade.checkpoints import DEFAULT_MODEL, describe, load_model, model_names, save_checkpoint
from lutgrade.errors import InputError

CONFIG = {"_target_": "lutgrade.models.matching.MKL", "size": 9}


def test_every_name_loads_and_says_what_it_is() -> None:
    assert DEFAULT_MODEL in model_names()
    for name in model_names():
        assert callable(load_model(name))
        assert len(describe(name)) > 10


def test_no_name_is_the_default() -> None:
    assert type(load_model()) is type(load_model(DEFAULT_MODEL))


def test_a_checkpoint_folder_needs_nothing_else(tmp_path: Path) -> None:
    model = load_model("mkl")
    save_checkpoint(tmp_path / "mine", model, CONFIG)
    loaded = load_model(tmp_path / "mine")
    images = torch.rand(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert loaded(*images).size == 9
    assert yaml.safe_load((tmp_path / "mine" / "config.yaml").read_text()) == CONFIG


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no model or checkpoint folder 'reinhart'; did you mean reinhard"):
        load_model("reinhart")


@pytest.mark.parametrize("text", ["", "a: [", "size: 9", "- 1"])
def test_a_broken_configuration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(InputError, match=r"config\.yaml"):
        load_model(tmp_path)


def test_a_folder_without_a_configuration_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no config\.yaml"):
        load_model(tmp_path)


def test_wrong_arguments_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"sise": 3}))
    with pytest.raises(InputError, match=r"cannot build lutgrade\.models\.matching\.MKL: .*sise") as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("target", ["os.system", "lutgrade.paths.Path", "subprocess.run", "lutgrade.checkpoints.yaml"])
def test_a_strangers_checkpoint_cannot_name_foreign_code(tmp_path: Path, target: str) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"space": {"_target_": target}}))
    with pytest.raises(InputError, match="trusted=True"):
        load_model(tmp_path)
