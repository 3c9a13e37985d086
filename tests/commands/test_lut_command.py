"""`lutgrade lut` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from lutgrade import Lut
from lutgrade.commands.lut import app
from lutgrade.errors import InputError
from lutgrade.lut import identity_table


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a warm look and one with a shaper."""
    warm = torch.tensor([1.0, 0.95, 0.8])[:, None, None, None]
    Lut(identity_table(9) * warm, title="Warm").save(tmp_path / "warm.cube")
    shaper = torch.linspace(0, 1, 33).sqrt().expand(3, -1)
    Lut(identity_table(5), shaper=shaper).save(tmp_path / "shaped.cube")
    return tmp_path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_info(folder: Path) -> None:
    text = run("info", folder / "warm.cube", folder / "shaped.cube")
    for part in ("Warm", "9 nodes a side", "0 to 1", "33 values a channel", "clipping", "! greys take a"):
        assert part in text


def test_info_as_json(folder: Path) -> None:
    first, second = json.loads(run("info", "--json", folder / "warm.cube", folder / "shaped.cube"))
    assert (first["title"], first["size"], first["shaper"]) == ("Warm", 9, None)
    assert first["domain"] == [[0, 0, 0], [1, 1, 1]]
    assert first["quality"]["highest"] == 1
    assert first["quality"]["findings"]
    assert (second["size"], second["shaper"]) == (5, 33)


def test_convert(folder: Path) -> None:
    text = run("convert", folder / "warm.cube", folder / "out.spi3d", "--size", 17, "--strength", 0.5)
    assert "wrote" in text
    assert "resampled from 9 to 17 nodes a side" in text
    lut = Lut.load(folder / "out.spi3d")
    torch.testing.assert_close(lut.table[:, -1, -1, -1], torch.tensor([1.0, 0.975, 0.9]), atol=1e-5, rtol=0)


def test_convert_says_when_a_shaper_is_baked(folder: Path) -> None:
    assert "baked the shaper of 33 values" in run("convert", folder / "shaped.cube", folder / "out.3dl")
    assert "baked" not in run("convert", folder / "shaped.cube", folder / "out.clf")


def test_convert_never_replaces_what_it_was_not_asked_to(folder: Path) -> None:
    before = (folder / "shaped.cube").read_bytes()
    with pytest.raises(InputError, match="exists"):
        run("convert", folder / "warm.cube", folder / "shaped.cube")
    with pytest.raises(InputError, match="is an input"):
        run("convert", folder / "shaped.cube", folder / "shaped.cube", "--overwrite")
    assert (folder / "shaped.cube").read_bytes() == before
    run("convert", folder / "warm.cube", folder / "shaped.cube", "--overwrite")
    assert Lut.load(folder / "shaped.cube").title == "Warm"


def test_compare(folder: Path) -> None:
    text = run("compare", folder / "warm.cube", folder / "shaped.cube", folder / "warm.cube")
    assert "CIEDE2000" in text
    assert "the same" in text
    with pytest.raises(InputError, match="two LUT files"):
        run("compare", folder / "warm.cube")


def test_plot(folder: Path) -> None:
    assert "warm.plot.png" in run("plot", folder / "warm.cube")
    (folder / "plots").mkdir()
    run("plot", folder / "warm.cube", folder / "shaped.cube", "--output", folder / "plots")
    assert sorted(path.name for path in (folder / "plots").iterdir()) == ["shaped.plot.png", "warm.plot.png"]
    with pytest.raises(InputError, match="exists"):
        run("plot", folder / "warm.cube")
    with pytest.raises(InputError, match="a folder"):
        run("plot", folder / "warm.cube", folder / "shaped.cube", "--output", folder / "one.png")


@pytest.mark.parametrize("command", ["info", "convert", "compare", "plot"])
def test_bad_input_is_an_input_error(command: str, folder: Path) -> None:
    bad = folder / "bad.cube"
    bad.write_text("LUT_3D_SIZE 2\n0 0 0\n")
    with pytest.raises(InputError, match=r"bad\.cube, line"):
        run(command, bad, folder / ("out.cube" if command == "convert" else "warm.cube"))
    assert sorted(path.name for path in folder.iterdir()) == ["bad.cube", "shaped.cube", "warm.cube"]
