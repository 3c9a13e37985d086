"""Stills in every kind that people keep, and in every way they break."""

from __future__ import annotations

import io
import os
import struct
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from lutgrade.color.spaces import linear_to_srgb
from lutgrade.errors import InputError, LutgradeError
from lutgrade.video.stills import (
    IMAGE_SUFFIXES,
    StillInfo,
    is_image,
    read_alpha,
    read_still,
    still_info,
    write_still,
)

ORIENTATION = ExifTags.Base.Orientation
LEVELS = np.random.default_rng(0).integers(0, 65536, (6, 9, 4), dtype=np.uint16)  # [H, W, RGBA]


def smooth(height: int = 40, width: int = 56) -> torch.Tensor:
    coarse = torch.rand(1, 3, 3, 4, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[0]


def levels_of(image: torch.Tensor, top: int = 255) -> np.ndarray:
    """Back to integers, `[H, W, 3]`."""
    return (image.permute(1, 2, 0) * top).round().numpy().astype(np.uint16)


def srgb_icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def wide_icc() -> bytes:
    """A profile with the primaries of Adobe RGB (1998), which are wider than those of sRGB, and sRGB's curve."""
    profile = bytearray(srgb_icc())
    primaries = {
        b"rXYZ": (0.60974, 0.31111, 0.01947),
        b"gXYZ": (0.20528, 0.62567, 0.06087),
        b"bXYZ": (0.14919, 0.06322, 0.74457),
    }
    for tag, xyz in primaries.items():
        at = profile.index(tag, 128)
        offset = int.from_bytes(profile[at + 4 : at + 8], "big") + 8
        for index, value in enumerate(xyz):
            profile[offset + 4 * index : offset + 4 * index + 4] = round(value * 65536).to_bytes(4, "big")
    name = profile.index("sRGB".encode("utf-16-be"))
    profile[name : name + 8] = "Wide".encode("utf-16-be")
    return bytes(profile)


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_round_trip_at_8_bits(tmp_path: Path, suffix: str) -> None:
    path, image = tmp_path / f"a{suffix}", smooth()
    write_still(image, path)
    back = read_still(path)
    lossy = suffix in (".jpg", ".jpeg", ".webp")
    assert back.dtype == torch.float32
    assert back.shape == image.shape
    assert (back - image).abs().max() <= (0.06 if lossy else 0.5 / 255 + 1e-6)
    assert (back - image).abs().mean() <= (0.01 if lossy else 0.5 / 255)
    info = still_info(path)
    assert (info.width, info.height, info.bits, info.has_alpha) == (56, 40, 8, False)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_survive(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    image = torch.from_numpy(LEVELS[..., :3].astype(np.float32) / 65535).permute(2, 0, 1)
    alpha = torch.from_numpy(LEVELS[..., 3].astype(np.float32) / 65535)[None]
    write_still(image, path, bits=16, alpha=alpha)
    info = still_info(path)
    assert (info.bits, info.has_alpha) == (16, True)
    assert np.array_equal(levels_of(read_still(path), 65535), LEVELS[..., :3])
    stored = read_alpha(path)
    assert stored is not None
    assert torch.equal((stored * 65535).round(), (alpha * 65535).round())
    write_still(read_still(path), tmp_path / "b.png", like=info)
    assert still_info(tmp_path / "b.png").bits == 16


def test_a_tiff_of_16_bits_says_what_its_alpha_is(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    write_still(torch.rand(3, 4, 5), tmp_path / "a.tif", bits=16, alpha=torch.rand(1, 4, 5))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].extrasamples == (tifffile.EXTRASAMPLE.UNASSALPHA,)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_grey_tiff_may_count_from_white(tmp_path: Path, dtype: type[np.generic]) -> None:
    tifffile = pytest.importorskip("tifffile")
    peak = np.iinfo(dtype).max
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0, peak // 5, peak]], dtype), photometric="miniswhite")
    assert read_still(tmp_path / "a.tif")[0, 0].tolist() == pytest.approx([1, 0.8, 0])


def test_a_tiff_of_floats_is_refused_with_its_reason(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5, 3), np.float32), photometric="rgb")
    with pytest.raises(InputError, match="TIFF of more than 16 bits"):
        read_still(tmp_path / "a.tif")


def test_webp_keeps_the_colours_that_cannot_be_seen(tmp_path: Path) -> None:
    write_still(torch.full((3, 8, 8), 0.8), tmp_path / "a.webp", alpha=torch.zeros(1, 8, 8))
    assert float(read_still(tmp_path / "a.webp").min()) == pytest.approx(0.8, abs=0.02)


def test_16_bits_asked_of_jpeg_give_8(tmp_path: Path) -> None:
    info = StillInfo(56, 40, 16, False, None, None, "PNG")
    write_still(smooth(), tmp_path / "a.jpg", like=info)
    assert still_info(tmp_path / "a.jpg").bits == 8


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-0.5, 1.5), min_size=3, max_size=3))
def test_writing_rounds_to_the_nearest_level(tmp_path_factory: pytest.TempPathFactory, rgb: list[float]) -> None:
    path = tmp_path_factory.mktemp("round") / "a.png"
    write_still(torch.tensor(rgb).view(3, 1, 1), path)
    expected = np.rint(np.clip(np.float32(rgb), 0, 1) * np.float32(255))
    assert np.array_equal(np.asarray(Image.open(path))[0, 0], expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png8", "png16", "tiff8", "tiff16"])
def test_orientation(tmp_path: Path, orientation: int, kind: str) -> None:
    """A white corner pixel block ends where the Exif standard says; 8 and 16 bits agree."""
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :8] = 255  # top left, as stored
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / ("a.tif" if "tiff" in kind else "a.png" if "png" in kind else "a.jpg")
    if kind == "png16":
        coded = cv2.imencode(".png", pixels.astype(np.uint16) * 257)[1].tobytes()
        block = exif.tobytes()[6:]
        chunk = len(block).to_bytes(4, "big") + b"eXIf" + block
        chunk += PngImagePlugin._crc32(b"eXIf" + block).to_bytes(4, "big")
        path.write_bytes(coded[:33] + chunk + coded[33:])
    elif kind == "tiff16":
        deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
        deep.save(path, exif=exif.tobytes())
    else:
        Image.fromarray(pixels).save(path, exif=exif.tobytes())
    image = read_still(path)
    across, down = orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
    assert image.shape == ((3, 16, 32) if orientation < 5 else (3, 32, 16))
    info = still_info(path)
    assert (info.height, info.width) == image.shape[1:]
    corner = image[0, -4 if down else 3, -4 if across else 3]
    assert corner > 0.95
    assert image[0].mean() == pytest.approx(64 / 512, abs=0.01)


def test_grey_one_bit_and_palette(tmp_path: Path) -> None:
    ramp = np.arange(0, 250, 10, dtype=np.uint8).reshape(5, 5)
    Image.fromarray(ramp).save(tmp_path / "grey.png")
    Image.fromarray(ramp).quantize(8).save(tmp_path / "palette.png")
    Image.fromarray(ramp > 100).save(tmp_path / "bit.png")
    Image.fromarray(ramp.astype(np.uint16) * 257).save(tmp_path / "grey16.png")
    for name in ("grey", "palette", "bit", "grey16"):
        image = read_still(tmp_path / f"{name}.png")
        assert image.shape == (3, 5, 5)
        assert torch.equal(image[0], image[1])
        assert torch.equal(image[0], image[2])
    assert np.array_equal(levels_of(read_still(tmp_path / "grey.png"))[..., 0], ramp)
    assert np.array_equal(levels_of(read_still(tmp_path / "grey16.png"))[..., 0], ramp)
    assert read_still(tmp_path / "bit.png").unique().tolist() == [0.0, 1.0]


def test_alpha_is_kept_apart(tmp_path: Path) -> None:
    rgba = (LEVELS >> 8).astype(np.uint8)
    rgba[0, 0] = (200, 100, 50, 0)  # colour below full transparency is not lost
    Image.fromarray(rgba).save(tmp_path / "a.png")
    image, alpha, info = (f(tmp_path / "a.png") for f in (read_still, read_alpha, still_info))
    assert np.array_equal(levels_of(image), rgba[..., :3])
    write_still(image, tmp_path / "b.png", like=info, alpha=alpha)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "b.png")), rgba)
    with pytest.warns(UserWarning, match="no transparency"):
        write_still(image, tmp_path / "b.jpg", alpha=alpha)


def test_transparent_palette(tmp_path: Path) -> None:
    palette = Image.fromarray(np.arange(25, dtype=np.uint8).reshape(5, 5)).quantize(4)
    palette.save(tmp_path / "a.png", transparency=bytes([0, 128, 255, 255]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alpha = read_alpha(tmp_path / "a.png")
        assert read_still(tmp_path / "a.png").shape == (3, 5, 5)
    assert alpha is not None
    assert 0 in alpha
    assert 1 in alpha


def test_cmyk(tmp_path: Path) -> None:
    inks = np.zeros((8, 32, 4), np.uint8)
    for index in range(4):
        inks[:, index * 8 : index * 8 + 8, index] = 255
    for suffix in ("tif", "jpg"):
        Image.fromarray(inks, "CMYK").save(tmp_path / f"a.{suffix}", quality=100)
        colors = read_still(tmp_path / f"a.{suffix}")[:, 4, 4::8]  # [3, cyan magenta yellow black]
        expected = torch.tensor([[0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 0]]).T
        torch.testing.assert_close(colors, expected.float(), atol=0.02, rtol=0)


def test_lab(tmp_path: Path) -> None:
    lab = np.array([[[255, 128, 128], [137, 128, 128], [138, 209, 198]]], np.uint8)  # white, grey, sRGB's red
    Image.merge("LAB", [Image.fromarray(band) for band in lab.transpose(2, 0, 1)]).save(tmp_path / "a.tif")
    expected = np.array([[255, 255, 255], [129, 129, 129], [255, 0, 0]])
    assert np.abs(levels_of(read_still(tmp_path / "a.tif"))[0].astype(int) - expected).max() <= 6


@pytest.mark.parametrize("bits", [8, 16])
def test_wide_gamut_profile_becomes_srgb(tmp_path: Path, bits: int) -> None:
    """Both ways through a profile agree with LittleCMS, which converts them independently here."""
    patches = np.array([[[128, 128, 128], [180, 120, 90], [90, 140, 80], [60, 80, 160]]], np.uint8)
    icc = wide_icc()
    source, target = (ImageCms.ImageCmsProfile(io.BytesIO(profile)) for profile in (icc, srgb_icc()))
    relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
    expected = ImageCms.profileToProfile(Image.fromarray(patches), source, target, relative)
    assert expected is not None
    path = tmp_path / "a.tif"
    if bits == 8:
        Image.fromarray(patches).save(path, icc_profile=icc)
    else:
        tifffile = pytest.importorskip("tifffile")

        tifffile.imwrite(path, patches.astype(np.uint16) * 257, photometric="rgb", iccprofile=icc)
    assert still_info(path).bits == bits
    image = read_still(path)
    assert np.abs(levels_of(image).astype(int) - np.asarray(expected)).max() <= 1
    assert abs(int(levels_of(image)[0, 1, 0]) - 180) > 5  # the profile does matter
    write_still(image, tmp_path / "b.png", bits=8, like=still_info(path))
    embedded = still_info(tmp_path / "b.png").icc
    assert embedded is not None
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(embedded)))


def test_srgb_profile_changes_nothing(tmp_path: Path) -> None:
    rgb = (LEVELS[..., :3] >> 8).astype(np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png", icc_profile=srgb_icc())
    assert np.array_equal(levels_of(read_still(tmp_path / "a.png")), rgb)


def test_a_linear_profile_named_srgb_is_not_srgb(tmp_path: Path) -> None:
    """The name holds "sRGB", as that of GIMP's linear profile; the curves are of gamma 1."""
    profile = bytearray(srgb_icc())
    at = profile.index(b"rTRC", 128)
    offset = int.from_bytes(profile[at + 4 : at + 8], "big")  # the curve that all channels share
    assert profile[offset : offset + 4] == b"para"
    profile[offset : offset + 16] = b"para" + bytes(4) + (0).to_bytes(2, "big") + bytes(2) + (65536).to_bytes(4, "big")
    Image.new("RGB", (4, 4), (55, 128, 200)).save(tmp_path / "a.png", icc_profile=bytes(profile))
    expected = linear_to_srgb(torch.tensor([55, 128, 200]).view(3, 1, 1) / 255).expand(3, 4, 4)
    torch.testing.assert_close(read_still(tmp_path / "a.png"), expected, atol=0.006, rtol=0)


@pytest.mark.parametrize("icc", [b"not a profile at all", wide_icc()[:200]])
def test_broken_profile_is_ignored_with_a_warning(tmp_path: Path, icc: bytes) -> None:
    rgb = (LEVELS[..., :3] >> 8).astype(np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png", icc_profile=icc)
    with pytest.warns(UserWarning, match="profile"):
        assert np.array_equal(levels_of(read_still(tmp_path / "a.png")), rgb)


def test_profile_of_another_kind_of_image_is_ignored(tmp_path: Path) -> None:
    grey = np.arange(25, dtype=np.uint8).reshape(5, 5)
    Image.fromarray(grey).save(tmp_path / "a.png", icc_profile=wide_icc())
    with pytest.warns(UserWarning, match="not one for L"):
        assert np.array_equal(levels_of(read_still(tmp_path / "a.png"))[..., 0], grey)


@pytest.mark.parametrize(("tag", "kind"), [(274, "orientation"), (271, "maker")])
def test_malformed_exif_costs_no_picture(tmp_path: Path, tag: int, kind: str) -> None:
    """A float where Exif has a whole number or a word."""
    block = b"Exif\0\0II*\0" + struct.pack("<IHHHIfI", 8, 1, tag, 11, 1, 6.0, 0)
    Image.new("RGB", (20, 10), (90, 60, 30)).save(tmp_path / "a.jpg", exif=block)
    image = read_still(tmp_path / "a.jpg")
    assert image.shape == ((3, 20, 10) if kind == "orientation" else (3, 10, 20))
    with pytest.warns(UserWarning, match="Exif data are malformed"):
        info = still_info(tmp_path / "a.jpg")
    assert (info.height, info.width) == image.shape[1:]
    write_still(image, tmp_path / "b.jpg", like=info)
    assert still_info(tmp_path / "b.jpg").exif is None


def test_exif_is_kept_and_orientation_reset(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[ExifTags.Base.Model] = "Camera"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ISOSpeedRatings] = 400
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ColorSpace] = 65535
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    Image.new("RGB", (20, 10)).save(tmp_path / "a.jpg", exif=exif)
    info = still_info(tmp_path / "a.jpg")
    assert (info.width, info.height) == (10, 20)
    for name in ("b.jpg", "b.png", "b.tif", "b.webp"):
        write_still(read_still(tmp_path / "a.jpg"), tmp_path / name, like=info)
        with Image.open(tmp_path / name) as written:
            kept = written.getexif()
            assert written.size == (10, 20)
            assert ORIENTATION not in kept
            assert kept[ExifTags.Base.Model] == "Camera"
            assert kept.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ISOSpeedRatings] == 400
            assert kept.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ColorSpace] == 1
            assert kept.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("block", [b"Exif\0\0garbage", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0", b"x"])
def test_broken_exif_does_not_cost_the_picture(tmp_path: Path, block: bytes) -> None:
    Image.new("RGB", (20, 10), "white").save(tmp_path / "a.jpg", exif=block)
    assert read_still(tmp_path / "a.jpg").shape == (3, 10, 20)
    info = still_info(tmp_path / "a.jpg")
    write_still(read_still(tmp_path / "a.jpg"), tmp_path / "b.jpg", like=info)
    assert still_info(tmp_path / "b.jpg").width == 20


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    for name in ("a.webp", "a.png", "a.tif"):
        options = {"lossless": True} if name == "a.webp" else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
        with pytest.warns(UserWarning, match="first is read"):
            assert read_still(tmp_path / name)[:, 0, 0].tolist() == [1, 0, 0]


def damaged(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "bad.png"
    good = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(good, "PNG")
    content = {"empty": b"", "text": b"hello, I am not a picture", "cut short": good.getvalue()[:5000]}
    if kind == "folder":
        path.mkdir()
    elif kind == "16 bits cut short":
        path.write_bytes(cv2.imencode(".png", LEVELS.repeat(20, 0))[1].tobytes()[:3000])
    elif kind == "header only":
        path.write_bytes(good.getvalue()[:40])
    elif kind == "bomb":
        bomb = bytearray(good.getvalue())
        bomb[16:24] = (100_000).to_bytes(4, "big") * 2
        bomb[29:33] = PngImagePlugin._crc32(bytes(bomb[12:29])).to_bytes(4, "big")
        path.write_bytes(bomb)
    elif kind == "zero size":
        none = bytearray(good.getvalue())
        none[16:20] = bytes(4)
        none[29:33] = PngImagePlugin._crc32(bytes(none[12:29])).to_bytes(4, "big")
        path.write_bytes(none)
    elif kind != "missing":
        path.write_bytes(content[kind])
    return path


@pytest.mark.parametrize(
    "kind",
    ["missing", "folder", "empty", "text", "cut short", "16 bits cut short", "header only", "bomb", "zero size"],
)
def test_bad_files_are_one_clear_line(tmp_path: Path, kind: str) -> None:
    path = damaged(tmp_path, kind)
    with pytest.raises(InputError) as error:
        read_still(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_truncated_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    write_still(smooth(200, 300), path)
    path.write_bytes(path.read_bytes()[:-800])
    with pytest.raises(InputError, match="cut short"):
        read_still(path)


def test_planar_deep_tiff_is_refused_rather_than_misread(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")

    tifffile.imwrite(tmp_path / "a.tif", LEVELS[..., :3].transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    with pytest.raises(InputError, match="planar"):
        read_still(tmp_path / "a.tif")


def test_nan_and_out_of_range_are_written_as_levels(tmp_path: Path) -> None:
    write_still(torch.tensor([float("nan"), float("inf"), -1.0]).view(3, 1, 1), tmp_path / "a.png")
    assert read_still(tmp_path / "a.png").flatten().tolist() == [0, 1, 0]


def test_unwritable_paths(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        write_still(smooth(), tmp_path / "nowhere" / "a.png")
    with pytest.raises(InputError, match="use one of"):
        write_still(smooth(), tmp_path / "a.xyz")
    with pytest.raises(InputError, match="WEBP"):
        write_still(torch.zeros(3, 1, 17000), tmp_path / "a.webp")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = smooth(8, 8)
    write_still(old, tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def write_to_full_device(self: Path, data: bytes) -> int:
        with open("/dev/full", "wb") as device:  # noqa: PTH123
            return device.write(data)

    monkeypatch.setattr(Path, "write_bytes", write_to_full_device)
    with pytest.raises(LutgradeError, match="No space left"):
        write_still(smooth(), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_is_image() -> None:
    assert is_image("x/A.JPG")
    assert is_image(Path("b.tiff"))
    assert not is_image("clip.mp4")
    assert not is_image("noextension")
