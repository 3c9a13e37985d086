"""Files of published weights: what is read, what is refused, and the checkpoints that come of them."""

from __future__ import annotations

import pickle
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor

from lutgrade.checkpoints import load_model
from lutgrade.imported import PLACES, PRESETS, read_published, save_imported
from lutgrade.importing import from_released
from lutgrade.models.conditions import StyleDifference
from lutgrade.models.frames import PixelCodec
from models.learned import pictures
from test_importing import CONFIGS, blank, small_state

SCRIPT = Path(__file__).parents[1] / "scripts" / "import_weights.py"
CODEC = {"_target_": "lutgrade.models.stable_diffusion.StableDiffusionCodec", "size": 64}
DIFFUSION = {"_target_": "lutgrade.models.diffusion.Diffusion", "betas": "linear"}
EXTRACTOR = "vcg-gs-extractor"
SMALL: dict[str, dict[str, Any]] = {
    "vcg-editor": {
        "_target_": "lutgrade.models.editor.ImageEditor",
        "codec": CODEC,
        "diffusion": DIFFUSION,
        "extractor": CONFIGS[EXTRACTOR],
        "unet": CONFIGS["vcg-editor"],
    },
    "vcg-ldiffuser": {
        "_target_": "lutgrade.models.ldiffuser.LDiffuser",
        "reader": {
            "_target_": "lutgrade.models.conditions.StyleDifference",
            "codec": CODEC,
            "extractor": CONFIGS[EXTRACTOR],
        },
        "diffusion": DIFFUSION,
        "unet": CONFIGS["vcg-ldiffuser"],
    },
}


class Code:
    """What a pickle runs when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("ran",)


def run(*arguments: str | Path) -> int:
    """The exit status of the script."""
    try:
        runpy.run_path(str(SCRIPT))["main"]([str(argument) for argument in arguments])
    except SystemExit as end:
        return int(str(end.code))
    return 0


@pytest.mark.parametrize("kind", list(SMALL))
def test_the_parts_make_a_checkpoint(kind: str, tmp_path: Path) -> None:
    states = {kind: small_state(kind, 1), EXTRACTOR: small_state(EXTRACTOR, 2)}
    parts = {name: from_released(name, state, **CONFIGS[name]) for name, state in states.items()}
    config = yaml.safe_load(yaml.safe_dump(_plain(SMALL[kind])))
    model = load_model(save_imported(kind, parts, config, tmp_path / "ours"))
    saved = model.state_dict()  # type: ignore[attr-defined]
    for prefix, name in zip(PLACES[kind], (kind, EXTRACTOR), strict=True):
        inner = "unet." if name == EXTRACTOR else ""
        for key, value in states[name].items():
            assert torch.equal(saved.pop(f"{prefix}{inner}{key}"), value)
    assert not saved
    card = (tmp_path / "ours" / "card.md").read_text(encoding="utf-8")
    assert f"| {kind} | {len(states[kind])} keys" in card


def test_an_extractor_alone_is_what_stage_2_starts_from(tmp_path: Path) -> None:
    state = small_state(EXTRACTOR, 2)
    config = _plain(SMALL["vcg-ldiffuser"])
    save_imported(
        EXTRACTOR, {EXTRACTOR: from_released(EXTRACTOR, state, **CONFIGS[EXTRACTOR])}, config, tmp_path / "gs"
    )
    reader = StyleDifference(PixelCodec(16), CONFIGS[EXTRACTOR], checkpoint=str(tmp_path / "gs"))
    reader.initialise()
    started = reader.extractor.state_dict()
    assert started.keys() == {f"unet.{key}" for key in state}
    assert all(torch.equal(started[f"unet.{key}"], value) for key, value in state.items())


def test_the_presets_name_what_the_parts_fit() -> None:
    from lutgrade import paths

    for kind, name in PRESETS.items():
        config = yaml.safe_load((paths.configs() / "model" / f"{name}.yaml").read_text(encoding="utf-8"))
        small = SMALL.get("vcg-ldiffuser" if kind == EXTRACTOR else kind)
        if small is not None:
            assert config["_target_"] == small["_target_"]


def test_the_script_makes_a_model_that_grades(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = {
        key: value if value.dim() == 0 else 0.05 * torch.randn(value.shape)
        for key, value in blank("nlut", "cpu").items()
    }
    state |= {key: torch.ones_like(value) for key, value in state.items() if key.endswith("running_var")}
    torch.save({"iter": 3, "state_dict": state, "optimizer": {}}, tmp_path / "style_lut.pth")
    assert run("nlut", tmp_path / "style_lut.pth", "-o", tmp_path / "nlut") == 0
    assert "nlut: 107 keys used, 0 ignored, 0 missing" in capsys.readouterr().out
    image = pictures(0, 1)
    assert load_model(tmp_path / "nlut")(image, pictures(1, 1))(image).isfinite().all()


def test_files_are_read_whatever_holds_the_state(tmp_path: Path) -> None:
    state = small_state("vcg-editor", 0)
    torch.save(
        {"unet_state_dict": {f"module.{key}": value for key, value in state.items()}, "epoch": 3}, tmp_path / "a.ckpt"
    )
    torch.save(state, tmp_path / "b.ckpt")
    torch.save(state, tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "c.safetensors")
    for name in ("a.ckpt", "b.ckpt", "old.ckpt", "c.safetensors"):
        read = read_published(tmp_path / name, "vcg-editor")
        assert read.keys() == state.keys()
        assert torch.equal(read["conv_in.weight"], state["conv_in.weight"])


def _damaged(folder: Path) -> dict[str, str]:
    """Files that cannot be used, and a word of what is said of each."""
    state: dict[str, Tensor] = {"conv_in.weight": torch.zeros(100, 100)}
    torch.save({"unet_state_dict": state, "trap": Code()}, folder / "code.ckpt")
    (folder / "pickle.ckpt").write_bytes(pickle.dumps(Code()))
    torch.save(state, folder / "whole.ckpt")
    whole = (folder / "whole.ckpt").read_bytes()
    (folder / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    torch.save(state, folder / "old.ckpt", _use_new_zipfile_serialization=False)
    (folder / "old_cut.ckpt").write_bytes((folder / "old.ckpt").read_bytes()[:5000])
    save_file(state, folder / "whole.safetensors")
    (folder / "cut.safetensors").write_bytes((folder / "whole.safetensors").read_bytes()[:1000])
    (folder / "empty.ckpt").touch()
    (folder / "text.ckpt").write_text("not weights")
    torch.save([1, 2], folder / "list.ckpt")
    torch.save({"epoch": 3}, folder / "bare.ckpt")
    return {
        "code.ckpt": "refused: it holds code (print)",
        "pickle.ckpt": "refused: it is no file of weights",
        "cut.ckpt": "cut off",
        "old_cut.ckpt": "cut off",
        "cut.safetensors": "cut off",
        "empty.ckpt": "cut off",
        "text.ckpt": "no file of weights",
        "list.ckpt": "holds a list",
        "bare.ckpt": "no weights of a vcg-gs-extractor, but epoch",
        "none.ckpt": "no such file",
    }


def test_what_cannot_be_used_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, said in _damaged(tmp_path).items():
        assert run("vcg-gs-extractor", tmp_path / name, "-o", tmp_path / "out") == 2, name
        captured = capsys.readouterr()
        assert said in captured.err, name
        assert captured.err.count("\n") == 1
        assert "ran" not in captured.out
        assert not (tmp_path / "out").exists()


def test_an_editor_without_its_extractor_says_what_to_give(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"unet_state_dict": small_state("vcg-editor", 0)}, tmp_path / "editor.ckpt")
    assert run("vcg-editor", tmp_path / "editor.ckpt", "-o", tmp_path / "out") == 2
    assert "without its GS-Extractor; give that one's file with --extractor" in capsys.readouterr().err


def test_an_extractor_that_has_no_place_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("nlut", tmp_path / "nlut.pth", "--extractor", tmp_path / "gs.ckpt", "-o", tmp_path / "out") == 2
    assert "a nlut takes no GS-Extractor beside it" in capsys.readouterr().err


def test_a_file_of_another_width_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = {"unet_state_dict": small_state("vcg-editor", 0), "referencenet_state_dict": small_state(EXTRACTOR, 0)}
    torch.save(both, tmp_path / "editor.ckpt")
    assert run("vcg-editor", tmp_path / "editor.ckpt", "-o", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "not the whole state of a vcg-editor" in said
    assert "its shape [8, 8, 3, 3] is not [320, 8, 3, 3]" in said


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """With lists for tuples, as YAML has them."""
    return {
        key: _plain(value) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else value
        for key, value in config.items()
    }
