"""Where published weights are looked for, and the message when they are not there."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from lutgrade.errors import InputError
from lutgrade.weights import MissingWeights, Weights, hub_folder

SOME = Weights("some-weights.pth", "https://example.org/some-weights.pth")


def test_missing_weights_say_what_to_get_and_where_to_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MissingWeights) as raised:
        SOME.path()
    place = tmp_path / "hub" / "checkpoints" / "some-weights.pth"
    assert str(raised.value) == f"weights not found: get https://example.org/some-weights.pth and save it as {place}"
    assert isinstance(raised.value, InputError)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)  # as it comes from another process


def test_weights_that_are_there_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    hub_folder().mkdir(parents=True)
    (hub_folder() / SOME.file).touch()
    assert SOME.path() == hub_folder() / SOME.file
