"""Writing: what goes in comes out, and what cannot be kept is said."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.stream import Disposition

from lutgrade.errors import InputError, LutgradeError
from lutgrade.video import Frame, VideoReader, VideoWriter, open_video, open_writer
from lutgrade.video.stills import read_alpha, read_still, still_info, write_still
from video.video_clips import add_tone, decoded, make_clip, packets, planes_of, write_tone

Grade = Callable[[torch.Tensor], torch.Tensor]


def rewrite(source: Path, target: Path, grade: Grade = lambda image: image, **options: object) -> Path:
    """Reads, grades and writes; anything that is warned of fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_video(source) as reader, open_writer(target, reader, **options) as writer:
            for frame in reader:
                writer.write(replace(frame, image=grade(frame.image)))
    return target


def copy(reader: VideoReader, target: Path, **options: object) -> None:
    with open_writer(target, reader, **options) as writer:
        for frame in reader:
            writer.write(frame)


def stream_of(path: Path) -> dict[str, object]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        return {
            "codec": stream.codec_context.codec.canonical_name,
            "pixel_format": frame.format.name.replace("yuvj", "yuv"),
            "tags": (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc),
            "rate": stream.average_rate,
            "aspect": stream.sample_aspect_ratio or 1,
        }


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p12le", "gbrp10le"])
def test_an_identity_grade_through_a_lossless_codec_changes_no_code(tmp_path: Path, pixel_format: str) -> None:
    source = make_clip(tmp_path / "a.mkv", codec="ffv1", pixel_format=pixel_format, size=(63, 47), count=3)
    target = rewrite(source, tmp_path / "b.mkv")
    for before, after in zip(decoded(source), decoded(target), strict=True):
        assert after.format.name == pixel_format
        for want, got in zip(planes_of(before), planes_of(after), strict=True):
            assert np.abs(want - got).max() <= 1
            assert np.mean(want != got) < 0.01  # only where chroma left the gamut of RGB


CODECS = [
    ("libx264", "yuv420p", ".mp4", {}),
    ("libx264", "yuv444p", ".mp4", {}),
    ("libx264", "yuv422p10le", ".mkv", {}),
    ("libx265", "yuv420p10le", ".mp4", {"x265-params": "log-level=error"}),
    ("libx265", "yuv444p12le", ".mkv", {"x265-params": "log-level=error"}),
    ("prores_ks", "yuv422p10le", ".mov", {"profile": "1"}),
    ("dnxhd", "yuv422p10le", ".mov", {"profile": "dnxhr_hqx"}),
    ("ffv1", "yuv420p16le", ".mkv", {}),
    ("libvpx-vp9", "yuv420p", ".webm", {}),
    ("libsvtav1", "yuv420p10le", ".mp4", {"preset": "12"}),
    ("mjpeg", "yuv422p", ".avi", {}),
    ("mpeg4", "yuv420p", ".mp4", {}),
    ("mpeg2video", "yuv420p", ".mpg", {}),
    ("png", "rgb24", ".mov", {}),
]


@pytest.mark.parametrize(("codec", "pixel_format", "suffix", "options"), CODECS, ids=lambda value: str(value))
def test_codec_format_rate_and_tags_follow_the_input(
    tmp_path: Path, codec: str, pixel_format: str, suffix: str, options: dict[str, str]
) -> None:
    size = (256, 128) if codec == "dnxhd" else (64, 64)
    full = codec == "mjpeg"
    source = make_clip(
        tmp_path / f"a{suffix}", codec=codec, pixel_format=pixel_format, options=options, size=size, full=full, count=5
    )
    target = rewrite(source, tmp_path / f"b{suffix}")
    assert stream_of(target) == stream_of(source)
    before, after = (list(open_video(path)) for path in (source, target))
    assert [(frame.pts, frame.time) for frame in after] == [(frame.pts, frame.time) for frame in before]
    change = torch.stack([a.image - b.image for a, b in zip(after, before, strict=True)]).abs().mean()
    assert change < 0.012


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020", None])
@pytest.mark.parametrize("full", [False, True])
def test_color_tags_are_copied(tmp_path: Path, matrix: str | None, full: bool) -> None:
    source = make_clip(tmp_path / "a.mp4", matrix=matrix, full=full, size=(64, 64), count=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with open_video(source) as reader:
            copy(reader, tmp_path / "b.mp4")
    assert stream_of(tmp_path / "b.mp4")["tags"] == stream_of(source)["tags"]


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [("libx265", "yuv420p10le", ".mp4"), ("prores_ks", "yuv422p10le", ".mov"), ("libx264", "yuv422p10le", ".mkv")],
)
def test_a_graded_ramp_keeps_ten_bits(tmp_path: Path, codec: str, pixel_format: str, suffix: str) -> None:
    def ramp(index: int, width: int, height: int) -> np.ndarray:
        return np.broadcast_to(np.linspace(0, 1, width), (3, height, width))

    source = make_clip(
        tmp_path / "a.mkv", codec=codec, pixel_format=pixel_format, size=(1024, 32), count=2, picture=ramp
    )
    target = rewrite(source, tmp_path / f"b{suffix}", lambda image: image**1.2)
    luma = planes_of(decoded(target)[0])[0]
    assert decoded(target)[0].format.name == pixel_format
    assert len(np.unique(luma)) > 256


def test_eight_bits_out_of_ten_are_dithered(tmp_path: Path) -> None:
    def slow(index: int, width: int, height: int) -> np.ndarray:
        return np.broadcast_to(np.linspace(0.4, 0.42, width), (3, height, width))

    source = make_clip(
        tmp_path / "a.mkv", codec="ffv1", pixel_format="yuv444p12le", size=(256, 64), count=1, picture=slow
    )
    target = rewrite(source, tmp_path / "b.mkv", codec="ffv1", pixel_format="yuv444p")
    luma = planes_of(decoded(target)[0])[0]
    exact = 16 + 219 * np.linspace(0.4, 0.42, 256)
    blocks = luma.reshape(8, 8, 32, 8).mean((1, 3))
    assert np.abs(blocks - exact.reshape(32, 8).mean(1)).max() < 0.15  # banding would leave 0.5


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_variable_rate_is_kept_exactly(tmp_path: Path, suffix: str) -> None:
    stamps = [0, 3000, 3500, 9000, 9001, 40000]
    source = make_clip(tmp_path / f"a{suffix}", pts=stamps, time_base=Fraction(1, 90000))
    target = rewrite(source, tmp_path / f"b{suffix}")
    assert [frame.pts for frame in open_video(target)] == stamps


def test_a_variable_rate_in_matroska_is_kept_to_a_millisecond(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", pts=[0, 3000, 9000, 40000], time_base=Fraction(1, 90000))
    target = rewrite(source, tmp_path / "b.mkv")
    assert [frame.time for frame in open_video(target)] == pytest.approx([0, 1 / 30, 0.1, 4 / 9], abs=6e-4)


def test_a_codec_with_a_coarse_clock(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", pts=range(0, 18000, 3600), time_base=Fraction(1, 90000))
    target = rewrite(source, tmp_path / "b.mp4", codec="mpeg4")
    assert [frame.time for frame in open_video(target)] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_input_is_written_upright_without_the_tag(tmp_path: Path, degrees: int) -> None:
    source = make_clip(tmp_path / "a.mp4", size=(64, 32), rotation=degrees, count=2)
    target = rewrite(source, tmp_path / "b.mp4")
    info = open_video(target).info
    assert (info.width, info.height) == ((64, 32) if degrees == 180 else (32, 64))
    assert info.rotation == 0
    before, after = (next(iter(open_video(path))).image for path in (source, target))
    assert (before - after).abs().mean() < 0.01


def test_what_the_user_says_of_the_matrix_is_tagged(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv", codec="ffv1", matrix=None)
    with open_video(source, matrix="bt2020", range="full") as reader:
        copy(reader, tmp_path / "b.mkv")
    assert stream_of(tmp_path / "b.mkv")["tags"][:2] == (9, 2)
    for before, after in zip(decoded(source), decoded(tmp_path / "b.mkv"), strict=True):
        assert np.abs(planes_of(before)[0] - planes_of(after)[0]).mean() < 0.5


def test_pixel_aspect_is_kept(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv", codec="ffv1", count=1)
    with open_video(source) as reader:
        reader.info = replace(reader.info, sample_aspect_ratio=Fraction(16, 15))
        with VideoWriter(tmp_path / "b.mp4", reader, codec="h264") as writer:
            for frame in reader:
                writer.write(frame)
    assert open_video(tmp_path / "b.mp4").info.sample_aspect_ratio == Fraction(16, 15)
    rewrite(tmp_path / "b.mp4", tmp_path / "c.mp4")
    assert open_video(tmp_path / "c.mp4").info.sample_aspect_ratio == Fraction(16, 15)


def test_alpha_goes_through(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mov", codec="prores_ks", pixel_format="yuva444p10le", count=1)
    half = torch.linspace(0, 1, 64).expand(1, 48, 64)
    with open_video(source) as reader, open_writer(tmp_path / "b.mov", reader) as writer:
        for frame in reader:
            writer.write(replace(frame, alpha=half))
    with open_video(tmp_path / "b.mov") as reader:
        alpha = next(iter(reader)).alpha
    assert alpha is not None
    torch.testing.assert_close(alpha, half, rtol=0, atol=0.01)
    with open_video(source) as reader, pytest.warns(UserWarning, match="alpha channel is left out"):
        copy(reader, tmp_path / "c.mp4", codec="h264")


def test_prores_4444_is_read_as_twelve_bits_and_written_at_ten(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mov", codec="prores_ks", pixel_format="yuv444p10le", options={"profile": "4"})
    with open_video(source) as reader, pytest.warns(UserWarning, match="12 bits per channel become 10"):
        copy(reader, tmp_path / "b.mov")
    with av.open(str(tmp_path / "b.mov")) as container:
        assert container.streams.video[0].profile == "4444"


class TestCopied:
    """Sound, subtitles, chapters, timecode and tags."""

    @pytest.mark.parametrize(
        ("suffix", "audio"), [(".mp4", "aac"), (".mp4", "libmp3lame"), (".mov", "pcm_s16le"), (".mkv", "flac")]
    )
    def test_sound_is_the_same_bit_for_bit(self, tmp_path: Path, suffix: str, audio: str) -> None:
        source = make_clip(tmp_path / f"a{suffix}", audio=audio, count=30)
        target = rewrite(source, tmp_path / f"b{suffix}")
        assert packets(source, "audio")
        assert packets(target, "audio") == packets(source, "audio")

    def test_sound_moves_between_containers(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.mov", codec="prores_ks", pixel_format="yuv422p10le", audio="aac", count=30)
        target = rewrite(source, tmp_path / "b.mkv")
        assert [data for _, data in packets(target, "audio")] == [data for _, data in packets(source, "audio")]

    @pytest.mark.parametrize("clip", ["cockatoo.mp4", "realshort.mp4"])
    def test_sound_of_real_clips(self, tmp_path: Path, data_dir: Path, clip: str) -> None:
        source, target = data_dir / "clips" / clip, tmp_path / clip
        with pytest.warns(UserWarning, match="says no colour matrix"):
            reader = open_video(source)
        with open_writer(target, reader) as writer:
            for frame in reader:
                if frame.index < 8:  # the sound follows to its end all the same
                    writer.write(frame)
        assert packets(target, "audio") == packets(source, "audio")
        assert stream_of(target)["pixel_format"] == stream_of(source)["pixel_format"]
        with av.open(str(source)) as before, av.open(str(target)) as after:
            assert after.streams.video[0].average_rate == pytest.approx(before.streams.video[0].average_rate, rel=1e-3)

    def test_timecode(self, tmp_path: Path) -> None:
        source = make_clip(
            tmp_path / "a.mov",
            codec="prores_ks",
            pixel_format="yuv422p10le",
            rate=Fraction(30000, 1001),
            stream_metadata={"timecode": "01:02:03;04"},
        )
        with av.open(str(rewrite(source, tmp_path / "b.mov"))) as container:
            assert container.streams.video[0].metadata["timecode"] == "01:02:03;04"
            assert [stream.type for stream in container.streams].count("data") == 1

    def test_metadata(self, tmp_path: Path) -> None:
        tags = {"title": "Harbour, take 3", "artist": "Zoë", "creation_time": "2024-03-01T10:00:00.000000Z"}
        source = make_clip(tmp_path / "a.mp4", metadata=tags, stream_metadata={"language": "dan"})
        with av.open(str(rewrite(source, tmp_path / "b.mp4"))) as container:
            assert tags.items() <= container.metadata.items()
            assert container.streams.video[0].metadata["language"] == "dan"

    @pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
    def test_metadata_of_any_name(self, tmp_path: Path, suffix: str) -> None:
        source = make_clip(tmp_path / "a.mkv", metadata={"REEL": "A012", "TITLE": "x"})
        with av.open(str(rewrite(source, tmp_path / f"b{suffix}"))) as container:
            kept = {key.lower(): value for key, value in container.metadata.items()}
        assert (kept["reel"], kept["title"]) == ("A012", "x")

    @pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
    def test_chapters(self, tmp_path: Path, suffix: str) -> None:
        source = make_clip(tmp_path / "a.mkv", count=20, chapters=[(0, 500, "one"), (500, 800, "two")])
        with av.open(str(rewrite(source, tmp_path / f"b{suffix}"))) as container:
            chapters = container.chapters()
        assert [chapter["metadata"]["title"] for chapter in chapters] == ["one", "two"]
        assert [float(chapter["start"] * chapter["time_base"]) for chapter in chapters] == [0, 0.5]

    def test_subtitles_and_languages(self, tmp_path: Path) -> None:
        source = with_subtitles(tmp_path / "a.mkv")
        target = rewrite(source, tmp_path / "b.mkv")
        assert packets(target, "subtitle") == packets(source, "subtitle") != []
        with av.open(str(target)) as container:
            subtitle = container.streams.subtitles[0]
            assert subtitle.metadata["language"] == "fra"
            assert subtitle.codec_context.codec.canonical_name == "subrip"

    def test_what_a_container_cannot_hold_is_said(self, tmp_path: Path) -> None:
        source = with_subtitles(tmp_path / "a.mkv")
        with open_video(source) as reader, pytest.warns(UserWarning, match=r"subtitle stream 1 \(subrip\) is left out"):
            copy(reader, tmp_path / "b.mp4")
        assert packets(tmp_path / "b.mp4", "subtitle") == []

    def test_two_languages_around_the_picture(self, tmp_path: Path) -> None:
        source, target = tmp_path / "a.mov", tmp_path / "b.mov"
        with av.open(str(source), "w") as output:
            sounds = [add_tone(output, "aac")]
            picture = output.add_stream("libx264", rate=25, width=64, height=48)
            picture.codec_context.colorspace = 1
            sounds.append(add_tone(output, "pcm_s24le"))
            for sound, language in zip(sounds, ("eng", "fra"), strict=True):
                sound.metadata["language"] = language
            for frame in decoded(make_clip(tmp_path / "c.mkv")):
                output.mux(picture.encode(frame))
            output.mux(picture.encode(None))
            for sound in sounds:
                write_tone(output, sound, 0.32)
        rewrite(source, target)
        assert packets(target, "audio") == packets(source, "audio")
        with av.open(str(target)) as container:
            assert [stream.type for stream in container.streams] == ["audio", "video", "audio"]
            assert [stream.metadata["language"] for stream in container.streams.audio] == ["eng", "fra"]
            assert [stream.disposition for stream in container.streams.audio] == [Disposition.default, 0]

    def test_a_cover_picture_and_an_attached_font(self, tmp_path: Path) -> None:
        clip = decoded(make_clip(tmp_path / "c.mkv"))
        with av.open(str(tmp_path / "a.mp4"), "w") as output:
            picture = output.add_stream("libx264", rate=25, width=64, height=48)
            picture.codec_context.colorspace = 1
            cover = output.add_stream("mjpeg", rate=1, width=32, height=32)
            cover.pix_fmt, cover.disposition = "yuvj420p", Disposition.attached_pic
            output.mux([*cover.encode(av.VideoFrame(32, 32, "yuvj420p")), *cover.encode(None)])
            output.mux([packet for frame in (*clip, None) for packet in picture.encode(frame)])
        rewrite(tmp_path / "a.mp4", tmp_path / "b.mp4")
        covers = [
            [data for _, data in packets(tmp_path / name, "video") if data.startswith(b"\xff\xd8")]
            for name in ("a.mp4", "b.mp4")
        ]
        assert covers[0] == covers[1] != []
        with av.open(str(tmp_path / "a.mkv"), "w") as output:
            picture = output.add_stream("libx264", rate=25, width=64, height=48)
            picture.codec_context.colorspace = 1
            output.add_attachment("font.ttf", "application/x-truetype-font", b"glyphs")
            output.mux([packet for frame in (*clip, None) for packet in picture.encode(frame)])
        with av.open(str(rewrite(tmp_path / "a.mkv", tmp_path / "b.mkv"))) as container:
            assert container.streams[1].metadata["filename"] == "font.ttf"

    def test_a_transport_stream_stays_in_step_and_starts_at_zero(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.ts", audio="aac", count=50)
        target = rewrite(source, tmp_path / "b.mp4")
        before, after = ([packets(path, kind)[0][0] for kind in ("video", "audio")] for path in (source, target))
        assert after[0] - after[1] == pytest.approx(before[0] - before[1], abs=1e-3)
        assert min(after) == pytest.approx(0, abs=0.05)
        assert len(packets(target, "audio")) == len(packets(source, "audio"))


def with_subtitles(path: Path) -> Path:
    (path.parent / "a.srt").write_text("1\n00:00:00,080 --> 00:00:00,240\nBonjour\n\n")
    clip = make_clip(path.with_name("plain.mkv"), count=10)
    with av.open(str(path.parent / "a.srt")) as text, av.open(str(clip)) as video, av.open(str(path), "w") as output:
        copies = [output.add_stream_from_template(part.streams[0], opaque=True) for part in (video, text)]
        copies[1].metadata["language"] = "fra"
        for part, copy in zip((video, text), copies, strict=True):
            for packet in part.demux():
                if packet.size:
                    packet.stream = copy
                    output.mux_one(packet)
    return path


class TestChoices:
    def test_a_codec_without_an_encoder_goes_to_the_nearest(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.avi", codec="msmpeg4v2", matrix=None)
        reader = open_video(source, matrix="bt601", range="limited")
        with pytest.warns(UserWarning, match="msmpeg4v2 at 8 bits cannot be written.*h264 is used"):
            copy(reader, tmp_path / "b.mp4")
        assert stream_of(tmp_path / "b.mp4")["codec"] == "h264"

    def test_a_container_decides_where_it_must(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.mp4")
        with (
            open_video(source) as reader,
            pytest.warns(UserWarning, match="h264 at 8 bits cannot be written.*vp9 is used"),
        ):
            copy(reader, tmp_path / "b.webm")

    def test_codec_and_quality_can_be_chosen(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.mkv", codec="ffv1", size=(128, 96), count=10)
        fine = rewrite(source, tmp_path / "fine.mp4", codec="h264", quality=5)
        coarse = rewrite(source, tmp_path / "coarse.mp4", codec="h264", quality=40)
        assert stream_of(fine)["codec"] == "h264"
        assert fine.stat().st_size > 3 * coarse.stat().st_size
        assert stream_of(rewrite(source, tmp_path / "b.mov", codec="prores"))["pixel_format"] == "yuv422p10le"

    def test_odd_sizes_go_to_full_chroma_where_the_encoder_needs_even(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.mkv", codec="ffv1", size=(63, 47))
        with open_video(source) as reader, pytest.warns(UserWarning, match="yuv420p becomes yuv444p"):
            copy(reader, tmp_path / "b.mp4", codec="h264")
        assert next(iter(open_video(tmp_path / "b.mp4"))).image.shape == (3, 47, 63)

    def test_grey_is_written_in_color(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.mkv", codec="ffv1", pixel_format="gray")
        target = rewrite(source, tmp_path / "b.mkv", lambda image: image * torch.tensor([1, 0.5, 0.5])[:, None, None])
        image = next(iter(open_video(target, matrix="bt601", range="limited"))).image
        assert (image[0] - image[2]).mean() > 0.1

    def test_raw_video_keeps_its_packing(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.mov", codec="rawvideo", pixel_format="uyvy422")
        target = rewrite(source, tmp_path / "b.mov")
        assert stream_of(target) == stream_of(source)

    def test_deep_grey_keeps_its_depth(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.mkv", codec="ffv1", pixel_format="gray12le")
        assert stream_of(rewrite(source, tmp_path / "b.mkv"))["pixel_format"] == "yuv420p12le"

    def test_unknown_codecs_and_formats_are_bad_input(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.mp4")
        for options, message in [
            ({"codec": "betamax"}, "'betamax' is not known"),
            ({"codec": "prores"}, "prores .* cannot be written into this kind of file"),
            ({"codec": "h264", "pixel_format": "yuv444p12le"}, "cannot be written"),
            ({"codec": "ffv1", "quality": 3}, "no quality to choose"),
        ]:
            with pytest.raises(InputError, match=message):
                rewrite(source, tmp_path / "b.mp4", **options)
            assert not (tmp_path / "b.mp4").exists()


class TestFailure:
    """Nothing half-written, the input untouched."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        return make_clip(tmp_path / "a.mp4", audio="aac", count=20)

    @pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, InputError])
    @pytest.mark.parametrize("after", [0, 1, 12])
    def test_an_interrupted_write_leaves_nothing(
        self, tmp_path: Path, source: Path, error: type[BaseException], after: int
    ) -> None:
        (tmp_path / "b.mp4").write_bytes(b"what was there before")
        with pytest.raises(error), open_video(source) as reader, open_writer(tmp_path / "b.mp4", reader) as writer:
            for frame in reader:
                if frame.index == after:
                    raise error("stop")
                writer.write(frame)
        assert (tmp_path / "b.mp4").read_bytes() == b"what was there before"
        assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "b.mp4"}

    def test_a_source_that_ends_early_leaves_nothing(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.mkv", count=100, options={"g": "10"})
        source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
        with pytest.raises(InputError, match="cut short"):
            rewrite(source, tmp_path / "b.mkv")
        assert {path.name for path in tmp_path.iterdir()} == {"a.mkv"}

    def test_a_full_disk(self, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> list[object]:
            raise av.error.OSError(28, "No space left on device")

        monkeypatch.setattr("lutgrade.video.track.PictureTrack.flush", full)
        with pytest.raises(LutgradeError, match=r"cannot write .*b\.mp4: No space left on device"):
            rewrite(source, tmp_path / "b.mp4")
        assert {path.name for path in tmp_path.iterdir()} == {"a.mp4"}

    def test_no_frame(self, source: Path, tmp_path: Path) -> None:
        writer = open_writer(tmp_path / "b.mp4", open_video(source))
        with pytest.raises(LutgradeError, match="there was no frame"), writer:
            pass
        assert not (tmp_path / "b.mp4").exists()

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("none/b.mp4", "there is no folder"),
            (".", "is a folder"),
            ("a.mp4", "is the input itself"),
            ("b.xyz", "no kind of video"),
            ("b.dpx", "no kind of video"),  # an image to FFmpeg, of whatever codec
        ],
    )
    def test_a_path_that_cannot_be_written(self, source: Path, tmp_path: Path, target: str, message: str) -> None:
        before = source.read_bytes()
        reader = open_video(source)
        with pytest.raises(InputError, match=message), VideoWriter(tmp_path / target, reader) as writer:
            writer.write(next(iter(reader)))
        assert source.read_bytes() == before
        assert {path.name for path in tmp_path.iterdir()} == {"a.mp4"}


class TestImages:
    def test_a_still_keeps_its_depth(self, tmp_path: Path) -> None:
        image = torch.rand(3, 9, 7)
        write_still(image, tmp_path / "a.png", bits=16, alpha=torch.rand(1, 9, 7))
        rewrite(tmp_path / "a.png", tmp_path / "b.png", lambda x: x * 0.5)
        assert still_info(tmp_path / "b.png").bits == 16
        torch.testing.assert_close(read_still(tmp_path / "b.png"), image * 0.5, rtol=0, atol=2e-5)
        alphas = [read_alpha(tmp_path / name) for name in ("a.png", "b.png")]
        assert alphas[0] is not None
        torch.testing.assert_close(alphas[0], alphas[1])

    def test_a_second_frame_does_not_fit_a_still(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.mp4", count=2)
        with pytest.raises(InputError, match="an image holds one frame"):
            rewrite(source, tmp_path / "b.png")
        assert not (tmp_path / "b.png").exists()

    def test_a_still_needs_a_frame(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.mp4", count=1)
        with (
            pytest.raises(LutgradeError, match="there was no frame"),
            open_writer(tmp_path / "b.png", open_video(source)),
        ):
            pass

    def test_a_folder_gives_a_folder_of_the_same_names(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        for index in (9, 10):
            write_still(torch.full((3, 4, 4), index / 255), tmp_path / "in" / f"{index}.png")
        rewrite(tmp_path / "in", tmp_path / "out", lambda x: 2 * x)
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["10.png", "9.png"]
        assert round(float(read_still(tmp_path / "out" / "9.png").mean()) * 255) == 18

    def test_a_folder_of_an_earlier_run_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        for index in range(3):
            write_still(torch.full((3, 4, 4), 0.2), tmp_path / "in" / f"{index}.png")
        for factor in (2, 3):
            rewrite(tmp_path / "in", tmp_path / "out", lambda x, factor=factor: factor * x)
        assert float(read_still(tmp_path / "out" / "2.png").mean()) == pytest.approx(0.6)
        assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}
        source = make_clip(tmp_path / "a.mkv", codec="ffv1", pixel_format="yuv444p", count=2)
        for _ in range(2):
            rewrite(source, tmp_path / "numbered")
        assert len(list((tmp_path / "numbered").iterdir())) == 2

    @pytest.mark.parametrize("other", ["notes.txt", "3.png", "more/0.png", "000000.png"])
    def test_a_folder_that_holds_more_is_not_replaced(self, tmp_path: Path, other: str) -> None:
        for name in ("in/0.png", "in/1.png", "out/0.png", f"out/{other}"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            write_still(torch.zeros(3, 4, 4), tmp_path / name) if name.endswith("png") else (tmp_path / name).touch()
        with pytest.raises(InputError, match=f"cannot replace .*out: it holds {other.split('/')[0]}"):
            rewrite(tmp_path / "in", tmp_path / "out", lambda x: x + 1)
        assert (tmp_path / "out" / other).exists()
        assert float(read_still(tmp_path / "out" / "0.png").max()) == 0

    def test_neither_a_link_nor_the_input_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        write_still(torch.zeros(3, 4, 4), tmp_path / "in" / "0.png")
        with pytest.raises(InputError, match="the input itself"):
            rewrite(tmp_path / "in", tmp_path / "in")
        (tmp_path / "out").symlink_to(tmp_path / "in")
        with pytest.raises(InputError, match="no folder"):
            rewrite(tmp_path / "in", tmp_path / "out")

    def test_an_interrupted_folder_leaves_nothing(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.mp4", count=3)
        reader = open_video(source)
        with pytest.raises(KeyboardInterrupt), open_writer(tmp_path / "out", reader) as writer:
            writer.write(next(iter(reader)))
            raise KeyboardInterrupt
        assert {path.name for path in tmp_path.iterdir()} == {"a.mp4"}

    def test_a_folder_can_become_a_video(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        for index in range(3):
            write_still(torch.rand(3, 32, 48), tmp_path / "in" / f"{index}.png")
        rewrite(tmp_path / "in", tmp_path / "b.mp4")
        info = open_video(tmp_path / "b.mp4").info
        assert (info.codec, info.pixel_format, info.matrix, info.frame_rate) == ("h264", "yuv420p", "bt709", 25)

    def test_a_video_can_become_a_folder(self, tmp_path: Path) -> None:
        source = make_clip(tmp_path / "a.mkv", codec="ffv1", pixel_format="yuv444p10le", count=2)
        rewrite(source, tmp_path / "out")
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["000000.png", "000001.png"]
        assert still_info(tmp_path / "out" / "000000.png").bits == 16


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """Reader and writer hold a bounded number of frames: counted, since resident memory is too noisy in a test."""
    import gc
    import weakref

    source = make_clip(tmp_path / "a.mp4", count=150, audio="aac")
    alive: list[weakref.ref[torch.Tensor]] = []
    most = 0
    with open_video(source) as reader, open_writer(tmp_path / "b.mp4", reader) as writer:
        for frame in reader:
            alive.append(weakref.ref(frame.image))
            writer.write(frame)
            del frame
            if len(alive) % 50 == 0:
                gc.collect()
                most = max(most, sum(reference() is not None for reference in alive))
    assert most <= 2


def test_frames_may_come_from_anywhere(tmp_path: Path) -> None:
    """A model's own frames, half precision or graded to another size, are written as well."""
    source = make_clip(tmp_path / "a.mp4")
    with open_video(source) as reader, open_writer(tmp_path / "b.mp4", reader) as writer:
        for index in range(3):
            writer.write(
                Frame(torch.rand(3, 24, 32, dtype=torch.float16), pts=index * 512, index=index, time=index / 25)
            )
    assert next(iter(open_video(tmp_path / "b.mp4"))).image.shape == (3, 24, 32)
