"""`.cube` files: what is read, what is refused, and that others read what is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lutgrade import Lut
from lutgrade.errors import InputError
from lutgrade.lut import identity_table
from lutgrade.lut.cube import as_written, format_cube, parse_cube, read_cube, write_cube

ROWS = "\n".join(f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)) + "\n"
CURVE = "0 0 0\n0.7 0.6 0.5\n1 1 1\n"
CUBE = f"LUT_3D_SIZE 2\n{ROWS}"


def random_lut(size: int, seed: int = 0, **kwargs) -> Lut:
    return Lut(torch.rand(3, size, size, size, generator=torch.Generator().manual_seed(seed)), **kwargs)


# Reading


def test_red_runs_fastest() -> None:
    assert torch.equal(parse_cube(CUBE).table, identity_table(2))


@pytest.mark.parametrize(
    "content",
    [
        CUBE.replace("\n", "\r\n"),
        CUBE.replace("\n", "\r"),
        CUBE.rstrip("\n"),
        "\ufeff".encode() + CUBE.encode(),
        "# a comment\n\n   \t\n" + CUBE.replace("\n", "  # trailing\n"),
        CUBE.replace("1 1 0\n", "1 1 0\n# amid the rows\n\n"),
        CUBE.replace(" ", "\t"),
        "\n".join(f"  {line}" for line in CUBE.splitlines()),
        CUBE.lower(),
        "# 20\xb0 warmer\n".encode("latin-1") + CUBE.encode(),
        b'TITLE "a\x85b"\n' + CUBE.encode(),
        CUBE.replace("1", "1.").replace("0", ".0e-3"),
        CUBE.replace("1 ", "+1.0E0 "),
        "LUT_3D_SIZE 2\nDOMAIN_MAX 1 1 1\nTITLE no quotes\nDOMAIN_MIN 0 0 0\n" + ROWS,
        "LUT_3D_SIZE 2\nLUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0 1\nDOMAIN_MIN 0 0 0\n" + ROWS,
    ],
)
def test_what_programs_write_reads_as_the_identity(content: str | bytes) -> None:
    lut = parse_cube(content)
    assert torch.equal(lut.table, identity_table(2))
    assert lut.domain is None
    assert lut.shaper is None
    assert lut.table.dtype == torch.float32


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ('TITLE "Look #3 (warm)"', "Look #3 (warm)"),
        ("TITLE Teal and Orange # by me", "Teal and Orange"),
        ("title 'x", "'x"),
        ("TITLE", ""),
        ('TITLE "open', "open"),
        ('TITLE ""\n# TITLE "in a comment"', "in a comment"),
        ('TITLE "first"\nTITLE "second"', "first"),
    ],
)
def test_titles(line: str, title: str) -> None:
    assert parse_cube(f"{line}\n{CUBE}").title == title


def test_titles_are_utf8_or_latin1() -> None:
    assert parse_cube(f'TITLE "20°"\n{CUBE}'.encode()).title == "20°"
    assert parse_cube(f'TITLE "20°"\n{CUBE}'.encode("latin-1")).title == "20°"


@pytest.mark.parametrize(
    ("header", "domain"),
    [
        ("DOMAIN_MIN -1 0 0.5\nDOMAIN_MAX 2 3 4", [[-1, 0, 0.5], [2, 3, 4]]),
        ("DOMAIN_MAX 2 3 4", [[0, 0, 0], [2, 3, 4]]),
        ("LUT_3D_INPUT_RANGE -0.5 1.5", [[-0.5] * 3, [1.5] * 3]),
        ("LUT_3D_INPUT_RANGE 0 2\nDOMAIN_MAX 2 2 2", [[0] * 3, [2] * 3]),
    ],
)
def test_domains(header: str, domain: list[list[float]]) -> None:
    for content in (f"{header}\n{CUBE}", f"LUT_3D_SIZE 2\n{header}\n{ROWS}"):
        assert parse_cube(content).domain.tolist() == domain


def test_values_outside_0_to_1_are_kept() -> None:
    lut = parse_cube(CUBE.replace("1 1 1", "1.25 -0.5 3"))
    assert lut.table[:, 1, 1, 1].tolist() == [1.25, -0.5, 3]


def test_a_shaper_as_resolve_writes_it() -> None:
    lut = parse_cube(f"LUT_3D_SIZE 2\nLUT_1D_SIZE 3\nLUT_1D_INPUT_RANGE -1 3\nLUT_3D_INPUT_RANGE 0 2\n{CURVE}{ROWS}")
    assert lut.domain.tolist() == [[-1] * 3, [3] * 3]
    torch.testing.assert_close(lut.shaper[0], torch.tensor([0, 0.35, 0.5]))  # the curve over the cube's range
    assert torch.equal(lut.table, identity_table(2))


def test_a_1d_file_is_its_curve() -> None:
    curve = "-0.5 0 0\n0.7 0.6 0.5\n2.5 1 1\n"
    lut = parse_cube(f"LUT_1D_SIZE 3\nDOMAIN_MAX 2 2 2\n{curve}")
    knots = torch.tensor([0.0, 1.0, 2.0]).expand(3, 1, 3)
    expected = torch.tensor([[-0.5, 0.7, 2.5], [0, 0.6, 1], [0, 0.5, 1]])
    torch.testing.assert_close(lut(knots)[:, 0], expected, atol=1e-6, rtol=0)


# Refusing


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (CUBE.replace("LUT_3D_SIZE 2", "LUT_3D_SIZE 3"), 10, "ends after 8 rows; .* ask for 27"),
        (CUBE + "0 0 0\n", 10, "too many"),
        (CUBE.replace("1 1 0", "1 1"), 5, "three finite numbers"),
        (CUBE.replace("1 1 0", "1 1 0 0"), 5, "three finite numbers"),
        (CUBE.replace("1 1 0", "nan 1 0"), 5, "finite"),
        (CUBE.replace("1 1 0", "1 inf 0"), 5, "finite"),
        (CUBE.replace("1 1 0", "1 1e39 0"), 5, "finite"),
        (CUBE.replace("0 0 0", "nan 0 0"), 2, "finite"),
        (CUBE.replace("1 1 0", "1 1_0 0"), 5, "three finite numbers"),
        (CUBE.replace("1 1 0", "1,1,0"), 5, "three finite numbers"),
        (CUBE.replace("1 1 0", "0x1 1 0"), 5, "three finite numbers"),
        (CUBE.replace("1 1 0", "DOMAIN_MIN 0 0 0"), 5, "three finite numbers"),
        ("LUT_3D_SIZE 2\n", 2, "ends after 0 rows"),
        ("LUT_3D_SIZE 2", 1, "ends after 0 rows"),
        (ROWS, 1, "no LUT_3D_SIZE"),
        ("\n\n", 3, "no LUT_3D_SIZE"),
        ("LUT_3D_SIZE 1\n0 0 0\n", 1, "2 to 256"),
        ("# big\nLUT_3D_SIZE 257\n", 2, "2 to 256"),
        ("LUT_3D_SIZE 2.5\n" + ROWS, 1, "whole number"),
        ("LUT_3D_SIZE\n" + ROWS, 1, "takes 1 finite number"),
        ("LUT_3D_SIZE two\n" + ROWS, 1, "takes 1 finite number"),
        ("LUT_1D_SIZE 65537\n", 1, "2 to 65536"),
        ("LUT_3D_SIZE 2\n" + CUBE.replace("2", "3", 1), 2, "contradicts line 1"),
        ("LUT_4D_SIZE 2\n" + CUBE, 1, "LUT_4D_SIZE"),
        ("<html>\n", 1, "no keyword"),
        ("DOMAIN_MIN 0 0\n" + CUBE, 1, "takes 3 finite numbers"),
        ("DOMAIN_MAX 1 nan 1\n" + CUBE, 1, "takes 3 finite numbers"),
        ("DOMAIN_MIN 0 1 0\n" + CUBE, 1, "empty"),
        ("DOMAIN_MAX 1e-50 1 1\n" + CUBE, 1, "empty"),
        ("LUT_3D_INPUT_RANGE 1 1\n" + CUBE, 1, "empty"),
        ("LUT_3D_INPUT_RANGE 0 2\nDOMAIN_MAX 1 1 1\n" + CUBE, 2, "contradicts the input range of line 1"),
        ("LUT_1D_INPUT_RANGE 0 1.095\n" + CUBE, 1, "without LUT_1D_SIZE"),
        ("LUT_IN_VIDEO_RANGE\n" + CUBE, 1, "export the LUT for full"),
        ("LUT_OUT_VIDEO_RANGE\n" + CUBE, 1, "export the LUT for full"),
        (f"LUT_1D_SIZE 4\nLUT_3D_SIZE 2\n{CURVE}{ROWS}", 14, "ends after 11 rows; .* ask for 12"),
        (b"LUT_3D_SIZE 2\n\0\0\0", 1, "not a text file"),
        (CUBE.encode("utf-16"), 1, "not a text file"),
        (b"\x89PNG\r\n\x1a\n", 1, "no keyword"),
    ],
)
def test_errors_name_the_file_and_the_line(content: str | bytes, line: int, reason: str) -> None:
    with pytest.raises(InputError, match=f"^look.cube, line {line}: .*{reason}") as caught:
        parse_cube(content, "look.cube")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty.cube").touch()
    for path, reason in (
        (tmp_path / "none.cube", "No such file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "empty.cube", "empty"),
    ):
        with pytest.raises(InputError, match=f"{path}.*{reason}"):
            read_cube(path)


KEYWORDS = ["TITLE", "LUT_3D_SIZE", "LUT_1D_SIZE", "DOMAIN_MIN", "DOMAIN_MAX", "LUT_3D_INPUT_RANGE"]
NUMBERS = ["0", "1", "2", "3", "-1", ".5", "1e-5", "1e39", "nan", "inf", "1_0", "0x1", "2.0", "65536", "\u0663"]
MARKS = ["-", "+", ".", "#", '"', "\n", "\r", "\t", "\x0c", "\x1c", "\x85", "\xa0", "\u2028", "\ufeff"]
TOKENS = st.sampled_from(KEYWORDS + NUMBERS + MARKS)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=100), st.lists(TOKENS, max_size=60).map(" ".join)))
@example("LUT_3D_SIZE 2\n" + "0 0 \u00bd\n" * 8)
@example(f"LUT_1D_SIZE 3\nLUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0 1e-40\n{CURVE.replace('0.7', '1e38')}{ROWS}")
@settings(max_examples=400, deadline=None)
def test_no_content_does_more_than_raise_an_input_error(content: str | bytes) -> None:
    try:
        lut = parse_cube(content)
    except InputError:
        return
    assert lut.table.isfinite().all()


@given(data=st.data(), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_damaged_files_never_do_more_than_raise_an_input_error(data: st.DataObject, seed: int) -> None:
    content = bytearray(format_cube(random_lut(3, seed, domain=torch.tensor([[0.0] * 3, [2.0] * 3]))).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position : position + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=3))
    try:
        lut = parse_cube(bytes(content))
    except InputError:
        return
    assert lut.table.isfinite().all()


@st.composite
def legal_reformatting(draw: st.DrawFn, text: str) -> bytes:
    """The same file in another legal form."""
    ending = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    out = []
    for line in text.splitlines():
        words = line.split(" ")
        if words[0] not in ("TITLE", "#"):
            line = draw(st.sampled_from([" ", "\t", "   "])).join(words)
            line = draw(st.sampled_from([str, str.lower]))(line)
            line += draw(st.sampled_from(["", "  ", " # said here", "#"]))
        out += [draw(st.sampled_from(["", " ", "\t"])) + line]
        out += draw(st.lists(st.sampled_from(["", "# a comment", "   # 0 0 0"]), max_size=1))
    encoded = ending.join(out).encode() + draw(st.sampled_from([b"", ending.encode()]))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + encoded


@given(data=st.data(), shaped=st.booleans())
@settings(max_examples=40, deadline=None)
def test_every_legal_form_of_a_file_reads_the_same(data: st.DataObject, shaped: bool) -> None:
    shaper = torch.linspace(0, 1, 5).square().expand(3, -1) if shaped else None
    domain = torch.tensor([[-0.5] * 3, [1.5] * 3])
    text = format_cube(random_lut(2, domain=domain, shaper=shaper, title="A look"))
    expected, lut = parse_cube(text), parse_cube(data.draw(legal_reformatting(text)))
    assert torch.equal(lut.table, expected.table)
    assert torch.equal(lut.domain, expected.domain)
    assert (lut.shaper is None) == (shaper is None)
    assert lut.title == "A look"


def test_all_real_files_are_read_and_survive_a_round_trip(data_dir: Path) -> None:
    paths = sorted((data_dir / "luts").rglob("*.cube"))
    assert len(paths) > 300
    for path in paths:
        lut = read_cube(path)
        assert lut.domain is None
        assert 13 <= lut.size <= 33
    for path in paths[::12]:
        lut = read_cube(path)
        again = parse_cube(format_cube(lut))
        torch.testing.assert_close(again.table, lut.table, atol=5.1e-7, rtol=1e-7)
        assert again.title == lut.title


# Writing


def test_the_form_that_is_written() -> None:
    lut = Lut(identity_table(2) * 0.5 - 1e-9, title='The "look"\n2')
    lines = format_cube(lut).split("\n")
    assert lines[:4] == [
        "TITLE \"The 'look' 2\"",
        "LUT_3D_SIZE 2",
        "0.000000 0.000000 0.000000",
        "0.500000 0.000000 0.000000",
    ]
    assert lines[-2:] == ["0.500000 0.500000 0.500000", ""]
    assert len(lines) == 2 + 8 + 1


def test_a_domain_is_written_where_it_is_not_0_to_1() -> None:
    for high, lines in ((1.0, []), (1.095, ["DOMAIN_MIN 0.0 0.0 0.0", "DOMAIN_MAX 1.095 1.095 1.095"])):
        text = format_cube(Lut(identity_table(2), torch.tensor([[0.0] * 3, [high] * 3])))
        assert [line for line in text.splitlines() if "DOMAIN" in line] == lines


@given(
    size=st.integers(2, 6), seed=st.integers(0, 1000), scale=st.sampled_from([1.0, -3.0, 40.0]), shaped=st.booleans()
)
@settings(max_examples=40, deadline=None)
def test_a_round_trip_is_exact_to_six_decimals(size: int, seed: int, scale: float, shaped: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    table = scale * torch.rand(3, size, size, size, generator=generator)
    domain = torch.tensor([[-0.1] * 3, [1.3] * 3])
    shaper = torch.rand(3, 7, generator=generator) if shaped else None
    text = format_cube(Lut(table, domain, shaper, "t"))
    lut = parse_cube(text)
    torch.testing.assert_close(lut.table, table, atol=5.1e-7, rtol=1e-7)
    assert torch.equal(lut.domain, domain)
    assert lut.title == "t"
    if shaped:
        torch.testing.assert_close(lut.shaper, shaper, atol=5.1e-7, rtol=0)
    assert format_cube(lut) == text


@given(st.integers(2, 9), st.integers(0, 1000), st.floats(0.01, 100))
def test_what_is_written_is_known_beforehand(size: int, seed: int, scale: float) -> None:
    lut = random_lut(size, seed)
    lut = Lut(scale * (lut.table - 0.5))
    assert torch.equal(as_written(lut).table, parse_cube(format_cube(lut)).table)


@pytest.mark.parametrize(
    ("lut", "reason"),
    [
        (Lut(torch.rand(2, 3, 4, 4, 4)), "batch"),
        (Lut(torch.full((3, 2, 2, 2), torch.nan)), "finite"),
        (Lut(identity_table(2), shaper=torch.full((3, 2), torch.inf)), "finite"),
        (Lut(identity_table(2), torch.tensor([[0.0, 0, 0], [1, 2, 1]]), torch.rand(3, 4)), "one input range"),
    ],
)
def test_what_no_cube_file_holds_is_refused(lut: Lut, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=reason):
        write_cube(lut, tmp_path / "a.cube")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "a.cube", tmp_path):
        with pytest.raises(InputError, match="cannot write"):
            write_cube(Lut.identity(2), path)


@pytest.mark.slow
def test_a_129_cube_is_read_and_written_in_seconds() -> None:
    lut = random_lut(129)
    torch.testing.assert_close(parse_cube(format_cube(lut)).table, lut.table, atol=5.1e-7, rtol=0)


# Other readers

COLORS = np.random.default_rng(0).random((1024, 3), dtype=np.float32)


def ours(lut: Lut, colors: np.ndarray) -> np.ndarray:
    return lut(torch.from_numpy(colors).T[:, None])[:, 0].T.numpy()


@pytest.mark.parametrize("shaped", [False, True])
@pytest.mark.parametrize("high", [1.0, 1.5])
def test_opencolorio_and_colour_science_read_the_same(shaped: bool, high: float, tmp_path: Path) -> None:
    ocio, colour = pytest.importorskip("PyOpenColorIO"), pytest.importorskip("colour")
    shaper = torch.linspace(0, 1, 65) ** torch.tensor([[0.5], [0.8], [1.7]]) if shaped else None
    lut = random_lut(9, domain=torch.tensor([[0.0] * 3, [high] * 3]), shaper=shaper, title="A look")
    path = write_cube(lut, tmp_path / "a.cube")
    expected = ours(read_cube(path), COLORS)
    theirs = COLORS.copy()
    processor = ocio.Config.CreateRaw().getProcessor(ocio.FileTransform(src=str(path)))
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(theirs)
    np.testing.assert_allclose(theirs, expected, atol=2e-6)
    read = colour.io.read_LUT_ResolveCube(str(path)) if shaped else colour.io.read_LUT_IridasCube(str(path))
    np.testing.assert_allclose(read.apply(COLORS), expected, atol=2e-6)


def test_ffmpeg_reads_the_same(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    lut = random_lut(17, title="A look")
    path = write_cube(lut, tmp_path / "a.cube")
    frame = av.VideoFrame.from_ndarray(COLORS.reshape(32, 32, 3), format="gbrpf32le")
    graph = av.filter.Graph()
    source = graph.add_buffer(width=32, height=32, format="gbrpf32le", time_base=1)
    grade = graph.add("lut3d", f"file={path}:interp=trilinear")
    sink = graph.add("buffersink")
    source.link_to(grade)
    grade.link_to(sink)
    graph.configure()
    source.push(frame)
    theirs = sink.pull().to_ndarray(format="gbrpf32le").reshape(-1, 3)
    np.testing.assert_allclose(theirs, ours(lut, COLORS), atol=2e-6)
