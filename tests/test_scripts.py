"""What the scripts say of bad input: one line that names it, and exit code 2."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"

NOWHERE = "/nowhere"
BAD = {
    "ablate_diffusion": [
        ([NOWHERE], "weights not found: .* so that /nowhere/model.safetensors is there"),
    ],
    "score_draws": [
        (["nosuch"], "no model or checkpoint folder 'nosuch'"),
        (["identity"], "identity draws nothing: it is a Identity"),
        (["ldiffuser_small", "--data", NOWHERE], "/nowhere/luts/film is not a folder of LUTs"),
    ],
    "check_model": [
        (["--model", "nosuch", "--output", "{tmp}"], "no model or checkpoint folder 'nosuch'"),
        (["--data", NOWHERE, "--output", "{tmp}"], "/nowhere/luts/film is not a folder of LUTs"),
        (["--output", "/proc/nowhere"], "cannot make the folder /proc/nowhere: "),
    ],
    "ship_checkpoint": [
        ([NOWHERE, "name"], "there is no folder /nowhere"),
        (["checkpoints/predictor_small", "name", "nosuch=3"], "unexpected keyword argument 'nosuch'"),
        (["checkpoints/predictor_small", "name", "nosuch.size=3"], "has no settings 'nosuch'; it has _target_, size"),
    ],
    "evaluate_retouch": [
        (["--prompts", NOWHERE], "/nowhere: cannot be read as YAML"),
        (["--prompts", "configs/train.yaml"], r"expected a list of \{prompt: text, accept"),
    ],
    "demo": [(["--output", "/proc/nowhere"], "cannot make the folder /proc/nowhere: ")],
    "benchmark_match": [
        (["restore", "/nowhere.mp4"], "/nowhere.mp4: no such file"),
        (["speed", "/nowhere.mp4"], "/nowhere.mp4: no such file"),
    ],
    "benchmark_pipeline": [
        (
            ["--experiments", "predictor_smal", "--output", "{tmp}"],
            "no experiment 'predictor_smal'; did you mean",
        ),
        (["--data", "fotos", "--output", "{tmp}"], "no data 'fotos'; did you mean photos"),
    ],
    "import_weights": [(["nlut", NOWHERE, "-o", "{tmp}"], "/nowhere: no such file")],
}
CASES = [(name, arguments, said) for name, cases in BAD.items() for arguments, said in cases]


def exit_code(name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> object:
    """Of a script run in this process, in the repository's root."""
    monkeypatch.chdir(SCRIPTS.parent)
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(sys, "argv", [f"scripts/{name}.py", *arguments])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    return end.value.code


@pytest.mark.parametrize(("name", "arguments", "said"), CASES, ids=[f"{n} {' '.join(a)}" for n, a, _ in CASES])
def test_bad_input_is_one_line_and_two(
    name: str,
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [argument.format(tmp=tmp_path) for argument in arguments]
    assert exit_code(name, arguments, monkeypatch) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"{name}.py: ")
    assert captured.err.count("\n") == 1
    assert re.search(said, captured.err)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("score_draws", ["ldiffuser_small", "--every", "0"]),
        ("ablate_diffusion", ["checkpoints/predictor_small", "--steps", "-3"]),
        ("benchmark_lut", ["--device", "nosuch"]),
    ],
)
def test_a_bad_value_is_told_with_the_usage(
    name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(name, arguments, monkeypatch) == 2
    assert f"'{arguments[-1]}' is no" in capsys.readouterr().err


def test_a_checkpoint_that_ships_is_not_overwritten_by_one_that_cannot_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lutgrade.paths.shipped_checkpoints", lambda: tmp_path)
    assert exit_code("ship_checkpoint", ["checkpoints/predictor_small", "name", "size=9"], monkeypatch) == 2
    assert "does not fit LutPredictor" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
