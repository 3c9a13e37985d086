"""LUT files other than `.cube`, and the choice of a format."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from lutgrade import Lut
from lutgrade.errors import InputError
from lutgrade.lut import identity_table, ocio
from lutgrade.lut.formats import READABLE, WRITABLE, convert, load, save
from lutgrade.lut.hald import write_hald

IMAGE = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(3))
ROWS = "\n".join(f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)) + "\n"
CSP = (
    "CSPLUTV100\n3D\n\nBEGIN METADATA\nEND METADATA\n\n3\n0.0 1.0 4.0\n0.0 0.5 1.0\n3\n0.0 1.0 4.0\n0.0 0.6 1.0\n"
    f"2\n0.0 4.0\n0.0 1.0\n\n2 2 2\n{ROWS}"
)
CDL = (
    '<ColorCorrection id="a"><SOPNode><Slope>1.1 1 0.9</Slope><Offset>0.02 0 0</Offset><Power>1.2 1 1</Power>'
    "</SOPNode><SatNode><Saturation>{}</Saturation></SatNode></ColorCorrection>"
)


def random_lut(size: int = 9, **kwargs) -> Lut:
    return Lut(torch.rand(3, size, size, size, generator=torch.Generator().manual_seed(0)), **kwargs)


def by_opencolorio(path: Path, image: torch.Tensor) -> torch.Tensor:
    import PyOpenColorIO as OCIO

    OCIO.ClearAllCaches()
    colors = np.ascontiguousarray(image.flatten(1).T.numpy())
    processor = OCIO.Config.CreateRaw().getProcessor(OCIO.FileTransform(src=str(path)))
    processor.getOptimizedCPUProcessor(OCIO.OPTIMIZATION_NONE).applyRGB(colors)
    return torch.from_numpy(colors).T.reshape(image.shape)


@pytest.mark.parametrize("suffix", WRITABLE)
def test_what_is_written_reads_back(suffix: str, tmp_path: Path) -> None:
    lut = random_lut(title="A look")
    path = save(lut, tmp_path / f"a{suffix.upper()}")
    again = load(path)
    digits = {".3dl": 0.5 / 4095, ".png": 0.5 / 65535, ".tif": 0.5 / 65535, ".tiff": 0.5 / 65535}
    torch.testing.assert_close(again.table, lut.table, atol=digits.get(suffix, 5e-7) + 1e-7, rtol=0)
    assert again.domain is None
    assert again.shaper is None
    save(Lut(lut.table, torch.tensor([[0.0] * 3, [1.0] * 3])), path)  # the same domain, said
    assert load(path).domain is None
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".3dl", ".clf", ".csp", ".ctf", ".itx", ".spi3d"])
def test_opencolorio_reads_the_same(suffix: str, tmp_path: Path) -> None:
    path = save(random_lut(), tmp_path / f"a{suffix}")
    torch.testing.assert_close(load(path)(IMAGE), by_opencolorio(path, IMAGE), atol=2e-6, rtol=0)


@pytest.mark.parametrize("suffix", [".clf", ".ctf"])
def test_chains_keep_domain_shaper_and_title(suffix: str, tmp_path: Path) -> None:
    shaper = torch.linspace(0, 1, 33) ** torch.tensor([[0.4], [1.0], [2.0]])
    lut = random_lut(domain=torch.tensor([[-0.5, 0, 0], [1, 2, 3.0]]), shaper=shaper, title='1 < 2 "é"')
    path = save(lut, tmp_path / f"a{suffix}")
    again = load(path)
    torch.testing.assert_close(again.table, lut.table, atol=1e-6, rtol=0)
    torch.testing.assert_close(again.domain, lut.domain, atol=1e-6, rtol=0)
    torch.testing.assert_close(again.shaper, shaper, atol=1e-6, rtol=0)
    assert again.title == lut.title
    wide = IMAGE * 5 - 1
    torch.testing.assert_close(again(wide), by_opencolorio(path, wide), atol=4e-6, rtol=0)


@pytest.mark.parametrize(
    ("name", "content", "size"),
    [
        ("shaper.csp", CSP, 2),
        ("curve.spi1d", "Version 1\nFrom -0.5 2.0\nLength 4\nComponents 1\n{\n0\n0.2\n0.4\n2.0\n}\n", 2),
        ("grade.cc", CDL.format(1), 2),
        ("matrix.spimtx", "0.5 0.5 0 0  0 1 0 0  0.2 0 0.8 0\n", 65),
        ("saturated.cc", CDL.format(0.8), 65),
        (
            "cube.vf",
            f"#Inventor V2.1 ascii\ngrid_size 2 2 2\nglobal_transform 1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1\ndata\n{ROWS}",
            2,
        ),
    ],
)
def test_other_chains_agree_with_opencolorio(name: str, content: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content)
    lut = load(path)
    assert lut.size == size
    image = IMAGE if lut.domain is None else lut.domain[0][:, None, None] + IMAGE * 4
    tolerance = 3e-3 if "saturated" in name else 2e-5  # only the power on a grid is approximate
    torch.testing.assert_close(lut(image), by_opencolorio(path, image), atol=tolerance, rtol=0)


def test_of_several_corrections_the_first_is_read_and_that_is_said(tmp_path: Path) -> None:
    one, two = CDL.format(1), CDL.format(0.5).replace('"a"', '"b"')
    for content, message in ((one, None), (one + two, "holds 2 corrections; the first is read")):
        path = tmp_path / "shots.ccc"
        path.write_text(f'<ColorCorrectionCollection xmlns="urn:ASC:CDL:v1.2">{content}</ColorCorrectionCollection>')
        with warnings.catch_warnings(record=True) as said:
            lut = load(path)
        assert [str(note.message).partition(": ")[2] for note in said] == ([message] if message else [])
        torch.testing.assert_close(lut(IMAGE), by_opencolorio(path, IMAGE), atol=2e-5, rtol=0)


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    for factor in (1.0, 0.5):
        path = save(Lut(identity_table(5) * factor), tmp_path / "a.spi3d")
        torch.testing.assert_close(load(path).table, identity_table(5) * factor, atol=1e-6, rtol=0)


def test_names_that_opencolorio_does_not_take_say_so(tmp_path: Path) -> None:
    assert load(save(random_lut(3), tmp_path / "a b é$.spi3d")).size == 3
    with pytest.raises(InputError, match="rename"):
        load(save(random_lut(3), tmp_path / "%HOME%.spi3d"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rename"):
        load(save(random_lut(3), tmp_path / os.fsdecode(b"caf\xe9.spi3d")))
    picture = save(Lut.identity(4), tmp_path / os.fsdecode(b"caf\xe9.png"))
    assert convert(picture, tmp_path / "a.cube") == []
    assert load(tmp_path / "a.cube").title == "caf?"


def test_opencolorio_has_the_formats_that_are_declared() -> None:
    OCIO = pytest.importorskip("PyOpenColorIO")
    assert set(ocio.READABLE) <= {f".{suffix}" for _, suffix in OCIO.FileTransform.getFormats()}
    assert set(ocio.CUBES.items()) <= {(f".{suffix}", name) for name, suffix in OCIO.Baker.getFormats()}
    assert set(ocio.CHAINS.items()) <= {(f".{suffix}", name) for name, suffix in OCIO.GroupTransform.GetWriteFormats()}


@pytest.mark.parametrize("suffix", READABLE)
def test_wrong_content_is_one_clear_line(suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"wrong{suffix}"
    for content in (b"this is no LUT\n", bytes(range(256)), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b""):
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"^{path}") as caught:
            load(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="No such file"):
        load(tmp_path / f"missing{suffix}")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["look.xyz", "look", "look.jpg"])
def test_unknown_extensions_list_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"can be read are .*\.3dl .*\.cube"):
        load(tmp_path / name)
    with pytest.raises(InputError, match=r"can be written are .*\.clf .*\.cube"):
        save(Lut.identity(2), tmp_path / name)


@pytest.mark.parametrize("suffix", WRITABLE)
@pytest.mark.parametrize(
    ("lut", "refusing"),
    [
        (Lut(torch.rand(2, 3, 4, 4, 4)), WRITABLE),
        (Lut(torch.full((3, 4, 4, 4), torch.nan)), WRITABLE),
        (
            random_lut(domain=torch.tensor([[0.0] * 3, [2.0] * 3])),
            (".3dl", ".csp", ".itx", ".png", ".spi3d", ".tif", ".tiff"),
        ),
        (random_lut(shaper=torch.rand(3, 5)), (".3dl", ".csp", ".itx", ".spi3d")),
    ],
)
def test_what_a_format_cannot_hold_is_refused(lut: Lut, refusing: tuple[str, ...], suffix: str, tmp_path: Path) -> None:
    if suffix in refusing:
        with pytest.raises(InputError):
            save(lut, tmp_path / f"a{suffix}")
        assert list(tmp_path.iterdir()) == []
    else:
        assert load(save(lut, tmp_path / f"a{suffix}")).size >= lut.size


def test_files_too_large_to_apply_say_what_to_do(tmp_path: Path) -> None:
    path = write_hald(Lut(torch.zeros(3, 144, 144, 144)), tmp_path / "a.png")
    with pytest.raises(InputError, match=r"144 nodes .* 129 .*convert --size"):
        load(path)
    with pytest.raises(InputError, match="129"):
        convert(path, tmp_path / "a.spi3d")
    assert convert(path, tmp_path / "b.spi3d", size=17) == ["resampled from 144 to 17 nodes a side"]
    assert load(tmp_path / "b.spi3d").size == 17


def test_convert_says_what_it_changed(tmp_path: Path) -> None:
    shaper = torch.linspace(0, 1, 33).square().expand(3, -1)
    source = save(Lut(identity_table(9) * 1.5, shaper=shaper), tmp_path / "a.cube")
    assert convert(source, tmp_path / "a.clf") == []
    assert convert(source, tmp_path / "a.3dl") == [
        "resampled from 9 to 65 nodes a side",
        "baked the shaper of 33 values into the cube",
        "cut values off at 0 and 1, they went from 0.0000 to 1.5000",
    ]
    torch.testing.assert_close(load(tmp_path / "a.3dl")(IMAGE), (IMAGE**2 * 1.5).clamp(0, 1), atol=0.01, rtol=0)
    assert "resampled from 9 to 64 nodes a side" in convert(source, tmp_path / "a.png", size=33)
    nearly = save(Lut(identity_table(5) * (1 + 1e-6)), tmp_path / "b.clf")
    assert convert(nearly, tmp_path / "b.3dl") == []


def test_convert_blends(tmp_path: Path) -> None:
    lut = random_lut(5)
    save(lut, tmp_path / "a.cube")
    assert convert(tmp_path / "a.cube", tmp_path / "b.cube", strength=0.25) == []
    torch.testing.assert_close(load(tmp_path / "b.cube").table, lut.blend(0.25).table, atol=1e-6, rtol=0)
