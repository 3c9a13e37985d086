"""Reading: what is there, in the right colours and order, and one clear line for what is not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from av.stream import Disposition

from lutgrade.errors import InputError
from lutgrade.video import Frame, open_video
from lutgrade.video.probe import main_stream
from lutgrade.video.reader import is_media, is_sequence
from lutgrade.video.stills import write_still
from video.video_clips import decoded, make_clip, moving_gradient

LOSSLESS = {"codec": "ffv1", "pixel_format": "yuv444p10le"}


def read(path: Path, **options: object) -> list[Frame]:
    with open_video(path, **options) as reader:
        return list(reader)


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p10le", "gbrp10le"])
def test_colors_follow_the_tags(tmp_path: Path, matrix: str, full: bool, pixel_format: str) -> None:
    path = make_clip(tmp_path / "a.mkv", codec="ffv1", pixel_format=pixel_format, matrix=matrix, full=full, count=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frames = read(path)
    assert [frame.index for frame in frames] == [0, 1, 2]
    for frame in frames:
        exact = torch.from_numpy(moving_gradient(frame.index, 64, 48)).float()
        tolerance = 10 / 255 if "420" in pixel_format else 2.5 / 1023  # chroma at half size blurs a little
        torch.testing.assert_close(frame.image, exact, rtol=0, atol=tolerance)
        assert frame.image.dtype == torch.float32


@pytest.mark.parametrize(
    ("size", "matrix"),
    [((64, 48), "bt601"), ((1024, 576), "bt601"), ((48, 718), "bt601"), ((1280, 536), "bt709"), ((720, 720), "bt709")],
)
def test_an_untagged_file_is_guessed_by_its_size_and_said(tmp_path: Path, size: tuple[int, int], matrix: str) -> None:
    path = make_clip(tmp_path / "a.mkv", codec="ffv1", size=size, matrix=None, count=1)
    with pytest.warns(UserWarning, match=rf"says no colour matrix; BT.{matrix[2:]} is assumed.*matrix="):
        reader = open_video(path)
    assert (reader.info.matrix, reader.info.tagged, reader.info.full_range) == (matrix, False, False)


def test_matrix_and_range_can_be_said(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", matrix="bt2020", full=True, **LOSSLESS)
    with open_video(path, matrix="bt601", range="limited") as reader:
        assert (reader.info.matrix, reader.info.full_range) == ("bt601", False)
        changed = next(iter(reader)).image
    assert (changed - read(path)[0].image).abs().max() > 0.03
    with pytest.raises(InputError, match="matrix must be one of"):
        open_video(path, matrix="bt470")
    with pytest.raises(InputError, match="range must be"):
        open_video(path, range="tv")  # type: ignore[arg-type]


def test_info_of_a_clip(tmp_path: Path) -> None:
    path = make_clip(
        tmp_path / "a.mov", codec="prores_ks", pixel_format="yuv422p10le", rate=Fraction(30000, 1001), audio="aac"
    )
    info = open_video(path).info
    assert (info.kind, info.width, info.height, info.frames) == ("video", 64, 48, 8)
    assert (info.codec, info.pixel_format, info.bits) == ("prores", "yuv422p10le", 10)
    assert info.frame_rate == Fraction(30000, 1001)
    assert info.duration == pytest.approx(8 * 1001 / 30000)
    assert (info.matrix, info.full_range, info.primaries, info.transfer, info.tagged) == ("bt709", False, 1, 1, True)
    assert (info.has_audio, info.has_alpha, info.rotation) == (True, False, 0)


def test_every_iteration_starts_anew(tmp_path: Path) -> None:
    reader = open_video(make_clip(tmp_path / "a.mp4"))
    first = [frame.pts for frame in reader]
    for frame in reader:
        if frame.index == 2:
            break
    assert [frame.pts for frame in reader] == first
    assert len(first) == 8


def test_timestamps_of_a_variable_rate_are_exact(tmp_path: Path) -> None:
    stamps = [0, 3000, 3500, 9000, 9001, 40000]
    path = make_clip(tmp_path / "a.mp4", pts=stamps, time_base=Fraction(1, 90000))
    with open_video(path) as reader:
        frames = list(reader)
        assert reader.info.time_base == Fraction(1, 90000)
    assert [frame.pts for frame in frames] == stamps
    assert [frame.time for frame in frames] == pytest.approx([stamp / 90000 for stamp in stamps])


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (270, 3)])
def test_rotated_pictures_come_upright(tmp_path: Path, degrees: int, turns: int) -> None:
    path = make_clip(tmp_path / "a.mkv", size=(64, 32), **LOSSLESS, count=1)
    turned = make_clip(tmp_path / "b.mp4", size=(64, 32), rotation=degrees, count=1, options={"crf": "1"})
    with open_video(turned) as reader:
        frame = next(iter(reader))
        assert reader.info.rotation == degrees
        assert (reader.info.height, reader.info.width) == tuple(frame.image.shape[1:])
    expected = torch.rot90(read(path)[0].image, turns, (1, 2))  # counter-clockwise
    assert frame.image.is_contiguous()
    torch.testing.assert_close(frame.image, expected, rtol=0, atol=0.05)
    small = read(turned, max_side=16)[0].image
    assert tuple(small.shape[1:]) == ((16, 8) if turns % 2 else (8, 16))


@pytest.mark.parametrize(("hflip", "vflip", "axis"), [(True, False, 2), (False, True, 1)])
def test_mirrored_pictures_are_mirrored_back(tmp_path: Path, hflip: bool, vflip: bool, axis: int) -> None:
    plain = read(make_clip(tmp_path / "a.mkv", **LOSSLESS, count=1))[0].image
    with av.open(str(tmp_path / "b.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "1"}, width=64, height=48)
        stream.set_display_rotation(0, hflip=hflip, vflip=vflip)
        frame = av.VideoFrame.from_ndarray((plain.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8), "rgb24")
        output.mux([*stream.encode(frame), *stream.encode(None)])
    torch.testing.assert_close(read(tmp_path / "b.mp4", matrix="bt601")[0].image, plain.flip(axis), rtol=0, atol=0.04)


def test_small_frames_and_key_frames(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", count=60, size=(64, 48))
    frames = read(path, max_side=32, every=1.0)
    assert [frame.index for frame in frames] == [0, 25, 50]
    assert frames[0].image.shape == (3, 24, 32)
    whole = read(path)[25].image
    expected = torch.nn.functional.avg_pool2d(whole[None], 2)[0]
    assert (frames[1].image - expected).abs().mean() < 0.01
    assert read(path, max_side=100)[0].image.shape == (3, 48, 64)


def test_alpha_is_read(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mov", codec="prores_ks", pixel_format="yuva444p10le", count=1)
    with open_video(path) as reader:
        frame = next(iter(reader))
        assert reader.info.has_alpha
    assert frame.alpha is not None
    assert frame.alpha.shape == (1, 48, 64)
    torch.testing.assert_close(frame.alpha, torch.ones(1, 48, 64))


@pytest.mark.parametrize("codec", ["ffv1", "libvpx-vp9", "mpeg4"])
def test_odd_sizes(tmp_path: Path, codec: str) -> None:
    frames = read(make_clip(tmp_path / "a.mkv", codec=codec, size=(63, 47), count=2))
    assert [tuple(frame.image.shape) for frame in frames] == [(3, 47, 63)] * 2


def test_one_frame(tmp_path: Path) -> None:
    assert len(read(make_clip(tmp_path / "a.mp4", count=1))) == 1


def test_a_colon_in_a_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_clip(tmp_path / "take.mp4").rename(tmp_path / "take:2.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(read(Path("take:2.mp4"))) == 8


class TestImages:
    def test_a_still_is_one_frame(self, tmp_path: Path) -> None:
        image = torch.rand(3, 5, 7)
        write_still(image, tmp_path / "a.png", bits=16)
        with open_video(tmp_path / "a.png") as reader:
            frames = list(reader)
            assert (reader.info.kind, reader.info.bits, reader.info.frames) == ("image", 16, 1)
        torch.testing.assert_close(frames[0].image, image, rtol=0, atol=1 / 65535)

    def test_a_folder_is_read_in_natural_order(self, tmp_path: Path) -> None:
        for index in (1, 2, 10, 9):
            write_still(torch.full((3, 4, 4), index / 255), tmp_path / f"f{index}.png")
        (tmp_path / "notes.txt").write_text("not a picture")
        (tmp_path / "._f1.png").write_bytes(b"what macOS leaves on other disks")
        with open_video(tmp_path) as reader:
            frames = list(reader)
            assert (reader.info.kind, reader.info.frames) == ("sequence", 4)
        assert [round(float(frame.image[0, 0, 0]) * 255) for frame in frames] == [1, 2, 9, 10]
        assert [frame.time for frame in frames] == pytest.approx([0, 0.04, 0.08, 0.12])
        assert [frame.index for frame in read(tmp_path, every=0.08)] == [0, 2]

    def test_shrinking(self, tmp_path: Path) -> None:
        write_still(torch.rand(3, 40, 20), tmp_path / "a.png")
        assert read(tmp_path / "a.png", max_side=10)[0].image.shape == (3, 10, 5)

    def test_mixed_sizes_name_the_file(self, tmp_path: Path) -> None:
        write_still(torch.rand(3, 4, 4), tmp_path / "1.png")
        write_still(torch.rand(3, 4, 5), tmp_path / "2.png")
        with pytest.raises(InputError, match=r"2\.png: is 5x4, the first of its folder 4x4"):
            read(tmp_path)

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="holds no images"):
            open_video(tmp_path)

    def test_alpha(self, tmp_path: Path) -> None:
        alpha = torch.rand(1, 4, 4)
        write_still(torch.rand(3, 4, 4), tmp_path / "a.png", alpha=alpha)
        got = read(tmp_path / "a.png")[0].alpha
        assert got is not None
        torch.testing.assert_close(got, alpha, rtol=0, atol=0.51 / 255)


def test_what_a_folder_is(tmp_path: Path) -> None:
    for name in ("shot_001.png", "shot_002.png"):
        write_still(torch.rand(3, 2, 2), tmp_path / name)
    assert is_sequence(tmp_path)
    write_still(torch.rand(3, 2, 2), tmp_path / "portrait.png")
    assert not is_sequence(tmp_path)
    assert is_media(tmp_path / "portrait.png")
    assert not is_media(tmp_path / "missing.mp4")


def _missing(folder: Path) -> Path:
    return folder / "none.mp4"


def _empty(folder: Path) -> Path:
    (folder / "a.mp4").touch()
    return folder / "a.mp4"


def _text(folder: Path) -> Path:
    (folder / "a.mp4").write_text("this is no video\n" * 50)
    return folder / "a.mp4"


def _only_sound(folder: Path) -> Path:
    with av.open(str(folder / "a.m4a"), "w") as output:
        stream = output.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        output.mux([*stream.encode(frame), *stream.encode(None)])
    return folder / "a.m4a"


def _no_frame(folder: Path) -> Path:
    """A header, and no more: the picture data are zeros."""
    path = make_clip(folder / "a.mp4", count=3)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_missing, "no such file"),
        (_empty, "the file is empty"),
        (_text, "not a video that can be read"),
        (_only_sound, "holds only sound"),
        (_no_frame, r"no frame that can be decoded|cannot be decoded"),
    ],
)
def test_bad_files_are_one_clear_line(tmp_path: Path, make: Callable[[Path], Path], message: str) -> None:
    path = make(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        open_video(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{}, {"movflags": "faststart"}], ids=["index last", "index first"])
def test_a_truncated_mp4_is_refused_at_once(tmp_path: Path, options: dict[str, str]) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", container_options=options) as output:
        stream = output.add_stream("libx264", rate=25, width=64, height=48)
        for frame in decoded(make_clip(tmp_path / "b.mkv", count=40)):
            output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    message = "cut short, .* copy or download it again" if options else "header is missing"
    with pytest.raises(InputError, match=message):
        open_video(path)


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".flv"])
def test_other_truncated_files_are_refused_at_their_end(tmp_path: Path, suffix: str) -> None:
    path = make_clip(tmp_path / f"a{suffix}", count=100, options={"g": "10"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    reader = open_video(path)
    with pytest.raises(InputError, match=r"cut short.* after \d+ frames"):
        list(reader)


def test_a_file_that_starts_late_is_whole(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", pts=range(80, 90))  # its header counts from 0 to the end
    frames = list(open_video(path))
    assert [frame.time for frame in frames] == pytest.approx([index / 25 for index in range(80, 90)], abs=1e-3)


def test_linear_light_is_refused(tmp_path: Path) -> None:
    encoder = av.CodecContext.create("exr", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 16, 16, "gbrpf32le", Fraction(1)
    frame = av.VideoFrame(16, 16, "rgb24").reformat(format="gbrpf32le")
    (tmp_path / "a.exr").write_bytes(b"".join(map(bytes, encoder.encode(frame) + encoder.encode(None))))
    with pytest.raises(InputError, match="linear light"):
        open_video(tmp_path / "a.exr")


def test_a_dpx_that_says_it_is_linear_is_read(tmp_path: Path) -> None:
    """FFmpeg writes so of every picture, as other programs do."""
    encoder = av.CodecContext.create("dpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 16, 16, "rgb24", Fraction(1)
    frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 51, np.uint8), format="rgb24")
    (tmp_path / "a.dpx").write_bytes(b"".join(map(bytes, encoder.encode(frame) + encoder.encode(None))))
    assert float(read(tmp_path / "a.dpx")[0].image.mean()) == pytest.approx(0.2, abs=1e-3)


def test_a_picture_in_tiles_is_refused(tmp_path: Path) -> None:
    tile = SimpleNamespace(disposition=Disposition.dependent, codec_context=object())
    container = SimpleNamespace(streams=SimpleNamespace(video=[tile, tile], audio=[]))
    with pytest.raises(InputError, match="HEIC"):
        main_stream(container, tmp_path / "a.heic")  # type: ignore[arg-type]


def test_an_alpha_that_is_not_decoded_is_said(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.webm", codec="libvpx-vp9", pixel_format="yuva420p", count=2)
    with pytest.warns(UserWarning, match="alpha channel is left out"):
        reader = open_video(path)
    assert not reader.info.has_alpha


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_damage_in_the_middle_is_refused(tmp_path: Path, name: str) -> None:
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    path = make_clip(tmp_path / name, codec=codec, count=60)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"(damaged|cut short).*\d+.*frame|damaged at frame \d+"):
        read(path)


def test_no_permission(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", count=1)
    path.chmod(0)
    try:
        path.open("rb").close()
    except PermissionError:
        with pytest.raises(InputError, match="no permission"):
            open_video(path)
    else:
        pytest.skip("this user may read everything")


def test_a_real_clip(data_dir: Path) -> None:
    with pytest.warns(UserWarning, match="BT.601 is assumed"):
        reader = open_video(data_dir / "clips" / "realshort.mp4")
    frames = list(reader)
    assert len(frames) == reader.info.frames == 36
    assert [frame.pts for frame in frames] == [2998 * index for index in range(36)]
