"""HDR clips: what may be matched, the LUTs on their code values, and the files that are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest
import torch
from torch import Tensor

from lutgrade.color.adjust import exposure, temperature
from lutgrade.color.hdr import HDR_TRANSFERS
from lutgrade.consistency.hdr import fit_hdr, hdr_colors, hdr_transfer, matching_space
from lutgrade.consistency.hdr_pipeline import HdrMatchReport, match_hdr
from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.models.matching import linear_transport
from lutgrade.video import open_video
from models.learned import pictures
from video.hdr_clips import BT709, hdr_codes, make_hdr_clip
from video.video_clips import decoded

SDR, PQ, HLG = 14, 16, 18
X265 = {"x265-params": "log-level=error"}
every_transfer = pytest.mark.parametrize("transfer", [PQ, HLG], ids=["PQ", "HLG"])


def scene(warmer: float = 0.0, stops: float = 0.0, frames: int = 4) -> list[Tensor]:
    """A picture in slow motion under a light of its own, sRGB-encoded in [0, 1]."""
    picture = 0.15 + 0.6 * pictures(3, 1, 48, 64)[0]
    lit = exposure(temperature(picture, warmer), stops).clamp(0, 1)
    return [lit.roll(index, dims=2) for index in range(frames)]


def matched(paths: list[Path], output: Path, **options: Any) -> HdrMatchReport:
    """With few nodes, so that the tests are fast."""
    return match_hdr(paths, output, **{"size": 33, **options})


def clip(path: Path, transfer: int, warmer: float = 0.0, stops: float = 0.0, **options: object) -> Path:
    return make_hdr_clip(path, [hdr_codes(f, transfer) for f in scene(warmer, stops)], transfer, **options)  # type: ignore[arg-type]


@pytest.fixture
def unlike(tmp_path: Path, request: pytest.FixtureRequest) -> list[Path]:
    """Three clips of one scene, plain, warm and bright, cool and dark."""
    lights = {"plain": (0.0, 0.0), "warm": (1.0, 0.5), "cool": (-0.8, -0.7)}
    return [clip(tmp_path / f"{name}.mkv", request.param, *light) for name, light in lights.items()]


both = pytest.mark.parametrize("unlike", [PQ, HLG], indirect=True, ids=["PQ", "HLG"])


@both
@pytest.mark.parametrize(("method", "space"), [("mkl", "ictcp"), ("reinhard", "ictcp"), ("mkl", "jzazbz")])
def test_clips_become_alike_and_stay_hdr(unlike: list[Path], tmp_path: Path, method: str, space: str) -> None:
    source = open_video(unlike[0]).info
    report = matched(unlike, tmp_path / "out", method=method, space=space)
    assert min(report.before.values()) > 20
    assert max(report.after.values()) < 2
    assert (report.passed, report.exit_code) == (True, 0)
    for made in report.clips:
        info = open_video(made.output).info
        for tag in ("transfer", "primaries", "matrix_code", "range_code", "pixel_format", "codec"):
            assert getattr(info, tag) == getattr(source, tag), tag
        assert made.cube is not None
        assert Lut.load(made.cube).size == 33
    told = json.loads(report.json.read_text())
    assert told["transfer"] == HDR_TRANSFERS[source.transfer].name
    assert told["passed"] is True
    assert len(told["pairs"]) == 3


@both
def test_the_restored_picture_is_the_plain_one(unlike: list[Path], tmp_path: Path) -> None:
    report = matched(unlike, tmp_path / "out", target="first")
    plain = next(iter(open_video(unlike[0]))).image
    for made in report.clips[1:]:
        restored, graded = (next(iter(open_video(path))).image for path in (made.output, made.path))
        assert (restored - plain).abs().mean() < 0.2 * (graded - plain).abs().mean()


@every_transfer
@pytest.mark.parametrize("space", ["ictcp", "jzazbz"])
def test_the_lut_is_the_map_itself_within_rounding(tmp_path: Path, transfer: int, space: str) -> None:
    encoding = HDR_TRANSFERS[transfer]
    working = matching_space(encoding, space)
    paths = [clip(tmp_path / "a.mkv", transfer), clip(tmp_path / "b.mkv", transfer, 1.0, 0.5)]
    a, b = (hdr_colors(path, encoding, working) for path in paths)
    codes = next(iter(open_video(paths[0]))).image.double()
    matrix = linear_transport(a.batched[1], b.batched[1], 2.0)[0]
    mapped = matrix @ (working.to(codes).flatten(1) - a.mean[:, None]) + b.mean[:, None]
    exact = working.back(mapped.view_as(codes)).clamp(0, 1)
    error = (fit_hdr(a, b, working)(codes.float(), interpolation="tetrahedral") - exact).abs() * 1023
    assert error.mean() < 0.1
    assert error.max() < 3


@every_transfer
def test_clips_that_are_alike_are_copied(tmp_path: Path, transfer: int) -> None:
    paths = [clip(tmp_path / f"{name}.mkv", transfer) for name in "ab"]
    report = matched(paths, tmp_path / "out")
    for made in report.clips:
        assert made.cube is None
        assert made.output.read_bytes() == made.path.read_bytes()


def test_the_order_of_clips_does_not_matter_for_the_average(tmp_path: Path) -> None:
    paths = [clip(tmp_path / "a.mkv", PQ), clip(tmp_path / "b.mkv", PQ, 1.0), clip(tmp_path / "c.mkv", PQ, 0, -1.0)]
    there, back = (matched(order, tmp_path / name, size=9) for name, order in (("x", paths), ("y", paths[::-1])))
    for first, second in zip(there.clips, back.clips[::-1], strict=True):
        assert first.name == second.name
        assert first.cube is not None
        assert second.cube is not None
        torch.testing.assert_close(Lut.load(first.cube).table, Lut.load(second.cube).table, rtol=0, atol=2e-6)


def test_hevc_keeps_its_tags_and_depth(tmp_path: Path) -> None:
    paths = [
        clip(tmp_path / f"{i}.mp4", PQ, warmer, codec="libx265", options=X265) for i, warmer in enumerate((0.0, 1.0))
    ]
    report = match_hdr(paths, tmp_path / "out", target="first")
    assert Lut.load(tmp_path / "out" / "1.cube").size == 65
    frame = decoded(report.clips[1].output)[0]
    assert frame.format.name == "yuv420p10le"
    assert (frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range) == (PQ, 9, 9, 1)
    assert report.passed


def test_a_reference_from_outside(tmp_path: Path) -> None:
    reference = clip(tmp_path / "reference.mkv", PQ, -1.0)
    report = matched([clip(tmp_path / "a.mkv", PQ, 1.0)], tmp_path / "out", target=f"reference={reference}")
    working = matching_space(HDR_TRANSFERS[PQ])
    wanted = hdr_colors(reference, HDR_TRANSFERS[PQ], working)
    torch.testing.assert_close(report.clips[0].after.mean, wanted.mean, rtol=0, atol=0.02)
    other = clip(tmp_path / "hlg.mkv", HLG)
    with pytest.raises(InputError, match="is not PQ as the clips are"):
        matched([tmp_path / "a.mkv"], tmp_path / "out", target=f"reference={other}")


def test_a_broken_clip_does_not_stop_the_others(tmp_path: Path) -> None:
    paths = [clip(tmp_path / "a.mkv", PQ), clip(tmp_path / "b.mkv", PQ, 1.0)]
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(b"no video at all")
    report = matched([paths[0], broken, paths[1]], tmp_path / "out")
    assert [made.name for made in report.clips] == ["a.mkv", "b.mkv"]
    assert list(report.failed) == ["broken.mkv"]
    assert report.exit_code == 1
    with pytest.raises(InputError, match="no clip can be matched"):
        matched([broken], tmp_path / "other")


def test_a_missed_threshold_is_said(tmp_path: Path) -> None:
    paths = [clip(tmp_path / "a.mkv", PQ), clip(tmp_path / "b.mkv", PQ, 1.0)]
    assert matched(paths, tmp_path / "out", strength=0.2).exit_code == 3


@pytest.mark.parametrize(
    ("transfers", "message"),
    [((PQ, SDR), "a.mkv is PQ, b.mkv is SDR"), ((SDR, HLG), "a.mkv is SDR, b.mkv is HLG"), ((PQ, HLG), "b.mkv is HLG")],
)
def test_mixed_sets_are_refused(tmp_path: Path, transfers: tuple[int, int], message: str) -> None:
    paths = [clip(tmp_path / f"{name}.mkv", code) for name, code in zip("ab", transfers, strict=True)]
    with pytest.raises(InputError, match=message) as caught:
        matched(paths, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_sdr_and_other_primaries_are_refused(tmp_path: Path) -> None:
    sdr = clip(tmp_path / "sdr.mkv", SDR)
    assert hdr_transfer([open_video(sdr).info]) is None
    with pytest.raises(InputError, match="are SDR"):
        matched([sdr], tmp_path / "out")
    with pytest.raises(InputError, match=r"PQ with other primaries than BT.2020 \(H.273 code 1\)"):
        matched([clip(tmp_path / "odd.mkv", PQ, primaries=BT709)], tmp_path / "out")


@pytest.mark.parametrize("options", [{"method": "histogram"}, {"space": "lab"}, {"target": "hero"}, {"strength": 7.5}])
def test_unknown_choices_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=str(next(iter(options.values())))):
        matched([clip(tmp_path / "a.mkv", PQ)], tmp_path / "out", **options)


def test_static_metadata_is_said_to_be_left_out(tmp_path: Path) -> None:
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    options = {"x265-params": f"log-level=error:master-display={display}:max-cll=1000,400:hdr10=1:repeat-headers=1"}
    path = clip(tmp_path / "a.mkv", PQ, codec="libx265", options=options)
    with pytest.warns(UserWarning, match="mastering display and light level metadata"):
        matched([path], tmp_path / "out")


def test_the_clips_are_what_they_say(tmp_path: Path) -> None:
    with av.open(str(clip(tmp_path / "a.mkv", HLG))) as container:
        frame = next(container.decode(video=0))
        assert (frame.color_trc, frame.color_primaries, frame.colorspace) == (HLG, 9, 9)
