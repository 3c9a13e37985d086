"""The library of looks and the reader of users' own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lutgrade.color.difference import ciede2000
from lutgrade.color.spaces import oklab_to_srgb, srgb_to_lab, srgb_to_oklab
from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.lut import look_ops as ops
from lutgrade.lut.looks import load_looks, looks

SIZE = 17
NAMES = sorted(looks())


@pytest.fixture(scope="module")
def tables() -> dict[str, Tensor]:
    return {name: look.lut(SIZE).table for name, look in looks().items()}


def greys(table: Tensor) -> Tensor:
    """The output `[3, S]` along the grey axis."""
    size = table.shape[-1]
    return table[:, range(size), range(size), range(size)]


def colours(count: int = 500) -> Tensor:
    return torch.rand(3, 1, count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def grey_ramp() -> Tensor:
    return torch.linspace(0, 1, 101, dtype=torch.float64).expand(3, 1, 101)


# The library


def test_there_are_many_looks_with_distinct_descriptions() -> None:
    library = looks()
    assert len(library) >= 60
    descriptions = [look.description for look in library.values()]
    assert len(set(descriptions)) == len(descriptions)
    for name, look in library.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
        assert 40 <= len(look.description) <= 340  # 77 tokens of CLIP hold it
        assert look.description.endswith(".")
        assert look.tags


@pytest.mark.parametrize("name", NAMES)
def test_look_is_smooth_sane_and_visible(name: str, tables: dict[str, Tensor]) -> None:
    table = tables[name]
    assert bool(table.isfinite().all())
    assert table.min() >= 0
    assert table.max() <= 1
    # No steps: slopes as in the steepest creative LUTs of colourists (99th percentile 5, largest 6.6).
    slope = torch.stack([table.diff(dim=d).abs().flatten() for d in (1, 2, 3)]).amax(0) * (SIZE - 1)
    assert slope.quantile(0.99) < 5
    assert slope.max() < 7
    luma = (greys(table) * torch.tensor(ops.REC709)[:, None]).sum(0)
    assert (luma.diff() >= -1e-5).all()
    assert luma[-1] - luma[0] > 0.5
    change = ciede2000(srgb_to_lab(table.flatten(2)), srgb_to_lab(identity_table(SIZE).flatten(2)))
    assert change.mean() > 2


def test_looks_are_distinct(tables: dict[str, Tensor]) -> None:
    lab = srgb_to_lab(torch.stack([table[:, ::4, ::4, ::4].flatten(2) for table in tables.values()]))
    for i in range(1, len(lab)):
        difference = ciede2000(lab[i : i + 1], lab[:i]).mean((1, 2))
        nearest = int(difference.argmin())
        assert difference[nearest] > 2, f"{list(tables)[i]} is {list(tables)[nearest]}"


def test_looks_do_what_their_descriptions_say(tables: dict[str, Tensor]) -> None:
    def tone(name: str) -> Tensor:
        return srgb_to_oklab(greys(tables[name])[:, None])[:, 0]  # [3, S]: lightness, green-red, blue-yellow

    identity = greys(identity_table(SIZE)).mean(0)
    for name in ("classic_noir", "silver_gelatin", "red_filter_monochrome"):
        assert (tables[name].amax(0) - tables[name].amin(0)).max() < 1e-5
    assert tone("sepia")[2, 8] > 0.03
    assert tone("cyanotype")[2, 8] < -0.05
    assert tone("teal_and_orange")[1, 4] < 0 < tone("teal_and_orange")[2, 12]
    assert tone("green_thriller")[1, 8] < -0.02
    assert tone("golden_hour")[2, 8] > 0.03
    assert tone("winter_cold")[2, 8] < -0.02
    assert (greys(tables["day_for_night"]).mean(0)[1:] < 0.75 * identity[1:]).all()
    assert (greys(tables["high_key"]).mean(0)[2:-3] > identity[2:-3] + 0.05).all()
    assert greys(tables["faded_print"])[:, 0].min() > 0.1
    assert greys(tables["bleach_bypass"]).mean(0)[4] < identity[4] - 0.05


# The operations


def test_operations_are_neutral_where_they_should_be() -> None:
    x = colours()
    for same in (
        ops.curve(x, [[0, 0], [0.5, 0.5], [1, 1]]),
        ops.lift_gamma_gain(x),
        ops.fade(x),
        ops.tint(x, 0),
        ops.channel_mixer(x),
        ops.monochrome(x, amount=0),
        ops.gradient_map(x, [[0, 0, 0], [1, 1, 1]], amount=0),
        ops.split_tone(x, 30, 0, 200, 0),
        ops.hue_shift(x, 0),
        ops.hue_shift(ops.hue_shift(x, 123), -123),
        ops.hue_range(x, 100, 60),
        ops.tone_saturation(x),
        ops.density(x, 0),
        ops.highlight_rolloff(x, limit=1),
    ):
        torch.testing.assert_close(same, x, atol=1e-6, rtol=0)


def test_operations_that_leave_greys_alone() -> None:
    grey = grey_ramp()
    for same in (
        ops.hue_shift(grey, 90),
        ops.hue_range(grey, 30, 60, shift=20, saturation=2, lightness=1),
        ops.tone_saturation(grey, 2, 0, 2),
        ops.density(grey, 1),
        ops.monochrome(grey),
        ops.compress_gamut(grey),
    ):
        torch.testing.assert_close(same, grey, atol=1e-4, rtol=0)


def test_curve_passes_its_points_and_goes_on_straight() -> None:
    points = [[0.0, 0.1], [0.3, 0.2], [1.0, 0.9]]
    x = torch.tensor([-0.5, 0.0, 0.3, 1.0, 1.5], dtype=torch.float64).expand(3, 1, 5)
    y = ops.curve(x, points)[0, 0]
    torch.testing.assert_close(y[1:4], torch.tensor([0.1, 0.2, 0.9], dtype=torch.float64))
    assert y[0] < 0.1
    assert y[4] > 0.9
    assert (ops.curve(grey_ramp(), points).diff(dim=-1) > 0).all()
    red_only = ops.curve(x, points, channels="r")
    torch.testing.assert_close(red_only[1:], x[1:])


def test_highlight_rolloff_is_smooth_and_brings_its_limit_to_one() -> None:
    x = torch.linspace(0, 1.5, 1501, dtype=torch.float64).expand(3, 1, 1501)
    y = ops.highlight_rolloff(x, knee=0.6, limit=1.5)[0, 0]
    assert y[-1].item() == pytest.approx(1)
    torch.testing.assert_close(y[:600], x[0, 0, :600])
    slope = y.diff() * 1000
    assert slope.min() > 0
    assert slope.diff().abs().max() < 0.02


def test_hue_range_leaves_other_hues_and_keeps_their_order() -> None:
    def wheel(hues: Tensor) -> Tensor:
        lab = torch.stack([torch.full_like(hues, 0.7), 0.1 * torch.cos(hues), 0.1 * torch.sin(hues)])
        return oklab_to_srgb(lab[:, None])

    hues = torch.deg2rad(torch.arange(0, 360, 1, dtype=torch.float64))
    turned = srgb_to_oklab(ops.hue_range(wheel(hues), 140, 50, shift=30))[:, 0]
    out = torch.rad2deg(torch.atan2(turned[2], turned[1])).remainder(360)
    assert out[140].item() == pytest.approx(170, abs=0.01)
    torch.testing.assert_close(out[190:], torch.arange(190, 360, dtype=torch.float64), atol=1e-4, rtol=0)
    assert (out[1:].diff() > 0).all()
    with pytest.raises(InputError, match=r"0\.6 of its width"):
        ops.hue_range(wheel(hues), 140, 40, shift=30)


def test_compress_gamut_keeps_muted_colours_and_brings_all_inside() -> None:
    muted = 0.3 + 0.5 * colours()
    torch.testing.assert_close(ops.compress_gamut(muted), muted)
    wild = 3 * colours() - 1
    inside = ops.compress_gamut(wild)
    assert inside.min() >= 0
    assert inside.max() <= 1
    ramp = torch.stack([torch.ones(201), torch.linspace(-1, 1, 201), torch.zeros(201)])[:, None]
    assert (ops.compress_gamut(ramp)[1, 0].diff() > 0).all()  # nothing is flattened below 0


# Users' own looks


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_own_looks_of_operations_and_files(tmp_path: Path) -> None:
    Lut(0.5 * identity_table(5)).save(tmp_path / "half.cube")
    path = write(
        tmp_path / "mine.yaml",
        """
        punchy:
          description: More of everything.
          tags: [vivid]
          operations: [{exposure: 0.5}, {contrast: {amount: 1.2, pivot: 0.4}}]
        half:
          description: Half as bright.
          file: half.cube
        """,
    )
    mine = load_looks(path)
    assert list(mine) == ["punchy", "half"]
    assert mine["punchy"].tags == ("vivid",)
    assert [operation.name for operation in mine["punchy"].operations] == ["exposure", "contrast"]
    torch.testing.assert_close(mine["half"].lut(9).table, 0.5 * identity_table(9), atol=1e-5, rtol=0)
    assert mine["punchy"].lut(9).title == "punchy"
    assert (mine["half"].lut().size, mine["punchy"].lut().size) == (5, 33)  # a file's LUT as it is


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "expected a mapping from names to looks"),
        ("a: [", "cannot be read as YAML"),
        ("a: 3", "look a: expected a mapping with"),
        ("a: {operations: []}", "look a: description"),
        ("a: {description: d, operatoins: []}", "look a: unknown key operatoins"),
        ("a: {description: d}", "look a: expected either operations or file"),
        ("a: {description: d, tags: x, operations: []}", "look a: tags"),
        ("a: {description: d, file: no.cube}", r"look a: file: .*no\.cube does not exist"),
        ("a: {description: d, file: }", r"look a: file: expected the name of a LUT file"),
        ("a: {description: d, operations: {gamma: 1}}", "look a: operations: expected a list"),
        ("a: {description: d, operations: [gamma]}", "look a: operations: expected `name: value`"),
        ("a: {description: d, operations: [{blur: 1}]}", "look a: blur: unknown operation; known are .*gamma"),
        (
            "a: {description: d, operations: [{contrast: {pivots: 1}}]}",
            "contrast: unknown parameter pivots; known are amount, pivot",
        ),
        ("a: {description: d, operations: [{contrast: {pivot: 1}}]}", "look a: contrast: .*amount"),
        ("a: {description: d, operations: [{exposure: bright}]}", "look a: exposure: "),
        ("a: {description: d, operations: [{exposure: .nan}]}", "look a: exposure: .*does not give a colour"),
        ("a: {description: d, operations: [{curve: [[0, 0], [0, 1]]}]}", "look a: curve: .*must rise"),
        ("a: {description: d, operations: [{fade: {black: [0, 1]}}]}", "look a: fade: expected a number or three"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "bad.yaml", text)
    with pytest.raises(InputError, match=message) as error:
        load_looks(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        load_looks(tmp_path / "nowhere.yaml")
