"""Models by name and by path, and what a bad one says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from lutgrade.checkpoints import DEFAULT_MODEL, describe, load_model, model_names, save_checkpoint
from lutgrade.errors import InputError
from lutgrade.weights import MissingWeights
from training.tiny import TinyLut

CONFIG = {"_target_": "lutgrade.models.matching.MKL", "size": 9}


def test_every_name_loads_and_says_what_it_is() -> None:
    assert DEFAULT_MODEL in model_names()
    for name in model_names():
        assert callable(load_model(name))
        assert len(describe(name)) > 10


def test_a_model_to_be_trained_is_no_name_and_says_what_it_needs() -> None:
    assert "nlut_small" not in model_names()
    with pytest.raises(InputError, match=r"'nlut_small' has weights and none were found: train it"):
        load_model("nlut_small")


def test_no_name_is_the_default() -> None:
    assert type(load_model()) is type(load_model(DEFAULT_MODEL))


def test_settings_replace_those_of_the_configuration() -> None:
    images = torch.rand(2, 1, 3, 8, 8)
    assert load_model("mkl", size=5)(*images).size == 5
    with pytest.raises(InputError, match="siz"):
        load_model("mkl", siz=5)


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
    with pytest.raises(InputError, match=r"did you mean nlut_small"):  # though it is yet to be trained
        load_model("nlut-smal")


def test_a_file_in_the_place_of_a_checkpoint_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(InputError, match=r"model\.safetensors is a file; a checkpoint is the folder"):
        load_model(tmp_path / "model.safetensors")


def test_a_device_that_is_not_here_is_named() -> None:
    with pytest.raises(InputError, match="device 'nowhere' cannot be used"):
        load_model("mkl", device="nowhere")


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


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("cut", r"cannot read .*model\.safetensors"),
        ("text", r"cannot read .*model\.safetensors"),
        ("other", r"model\.safetensors does not fit TinyLut: size mismatch"),
        ("missing", r"has weights and none were found"),
    ],
)
def test_weights_that_cannot_be_used_are_one_line(tmp_path: Path, damage: str, message: str) -> None:
    config = {"_target_": "training.tiny.TinyLut", "width": 16}
    save_checkpoint(tmp_path, TinyLut(16), config)
    weights = tmp_path / "model.safetensors"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "text":
        weights.write_text("no weights at all")
    elif damage == "other":
        save_checkpoint(tmp_path, TinyLut(8), config)
    else:
        weights.unlink()
    with pytest.raises(InputError, match=message) as caught:
        load_model(tmp_path, trusted=True)
    assert "\n" not in str(caught.value)


def test_a_learned_checkpoint_gives_the_grades_that_it_was_saved_with(tmp_path: Path) -> None:
    model = TinyLut(8)
    save_checkpoint(tmp_path, model, {"_target_": "training.tiny.TinyLut", "width": 8})
    images = torch.rand(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert load_model(tmp_path, trusted=True)(*images).table.equal(model(*images).table)  # type: ignore[attr-defined]


def test_a_name_may_be_written_with_hyphens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lutgrade.paths.shipped_checkpoints", lambda: tmp_path)
    save_checkpoint(tmp_path / "my_small_model", load_model("mkl"), CONFIG)
    assert load_model("my-small-model").size == 9  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["vcg", "vcg-released"])
def test_a_published_model_says_which_weights_it_takes_and_where_they_go(name: str) -> None:
    with pytest.raises(MissingWeights) as caught:
        load_model(name)
    message = str(caught.value)
    for part in (
        "L-Diffuser.ckpt",
        "GS-Extractor.ckpt",
        "import_weights.py",
        "checkpoints/vcg",
        "clip-vit-base-patch32",
    ):
        assert part in message
    assert "\n" not in message


def test_weights_can_be_read_by_whom_the_configuration_can(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, TinyLut(8), {"_target_": "training.tiny.TinyLut", "width": 8})
    assert (tmp_path / "model.safetensors").stat().st_mode == (tmp_path / "config.yaml").stat().st_mode


def test_weights_in_half_precision_load_as_floats(tmp_path: Path) -> None:
    model = TinyLut(8)
    expected = {key: value.clone() for key, value in model.state_dict().items()}
    save_checkpoint(tmp_path, model.half(), {"_target_": "training.tiny.TinyLut", "width": 8})
    loaded = load_model(tmp_path, trusted=True).state_dict()
    for key, value in expected.items():
        assert loaded[key].dtype == value.dtype
        torch.testing.assert_close(loaded[key], value, rtol=1e-3, atol=1e-6)
