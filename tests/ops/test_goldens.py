"""Agreement with the programs that users have: OpenColorIO, colour-science and FFmpeg, on the same file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lutgrade.ops import apply_lut

SIZE = 17
interpolations = pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])


@pytest.fixture(scope="module")
def table() -> Tensor:
    """An asymmetric table of six decimals, `[3, S, S, S]`."""
    values = torch.rand(3, SIZE, SIZE, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return (values * 1e6).round().div(1e6)


@pytest.fixture(scope="module")
def cube(table: Tensor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = table.reshape(3, -1).T.tolist()  # red fastest
    path = tmp_path_factory.mktemp("goldens") / "random.cube"
    path.write_text(f"LUT_3D_SIZE {SIZE}\n" + "".join(f"{r:.6f} {g:.6f} {b:.6f}\n" for r, g, b in rows))
    return path


@pytest.fixture(scope="module")
def image() -> Tensor:
    """`[3, H, W]`: colours inside, on the knots, at the corners and a little outside."""
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(3, 64, 96, generator=generator)
    image[:, :8] = torch.randint(0, SIZE, (3, 8, 96), generator=generator) / (SIZE - 1)
    image[:, 8:10] = torch.randint(0, 2, (3, 2, 96), generator=generator).float()
    image[:, 10:12] = image[:, 10:12] * 1.5 - 0.25
    return image


@interpolations
def test_opencolorio(device: torch.device, table: Tensor, cube: Path, image: Tensor, interpolation: str) -> None:
    ocio = pytest.importorskip("PyOpenColorIO")
    kinds = {"trilinear": ocio.INTERP_LINEAR, "tetrahedral": ocio.INTERP_TETRAHEDRAL}
    transform = ocio.FileTransform(str(cube), interpolation=kinds[interpolation])
    processor = ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor()
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    processor.applyRGB(pixels)
    out = apply_lut(image.to(device), table.float().to(device), interpolation=interpolation)
    np.testing.assert_allclose(out.permute(1, 2, 0).cpu().numpy(), pixels, rtol=0, atol=1e-6)


@interpolations
def test_colour_science(device: torch.device, cube: Path, table: Tensor, image: Tensor, interpolation: str) -> None:
    colour = pytest.importorskip("colour")
    interpolator = getattr(colour.algebra, f"table_interpolation_{interpolation}")
    lut = colour.io.read_LUT_IridasCube(str(cube))
    inside = image.clamp(0, 1)  # it extrapolates
    expected = lut.apply(inside.permute(1, 2, 0).numpy(), interpolator=interpolator)
    out = apply_lut(inside.to(device), table.float().to(device), interpolation=interpolation)
    np.testing.assert_allclose(out.permute(1, 2, 0).cpu().numpy(), expected, rtol=0, atol=1e-6)


@interpolations
@pytest.mark.parametrize(("pixel_format", "atol"), [("gbrpf32le", 1e-6), ("gbrp16le", 1), ("rgb24", 1)])
def test_ffmpeg(
    device: torch.device,
    table: Tensor,
    cube: Path,
    image: Tensor,
    interpolation: str,
    pixel_format: str,
    atol: float,
) -> None:
    dtype = {"gbrpf32le": torch.float32, "gbrp16le": torch.uint16, "rgb24": torch.uint8}[pixel_format]
    pixels = image.clamp(0, 1)
    if not dtype.is_floating_point:
        pixels = (pixels * torch.iinfo(dtype).max).round().to(dtype)
    expected = _through_ffmpeg(pixels, pixel_format, f"file={cube}:interp={interpolation}")
    out = apply_lut(pixels.to(device), table.float().to(device), interpolation=interpolation).cpu()
    np.testing.assert_allclose(out.double().numpy(), expected.double().numpy(), rtol=0, atol=atol)


def _through_ffmpeg(image: Tensor, pixel_format: str, options: str) -> Tensor:
    """`[3, H, W]` RGB through FFmpeg's lut3d filter, in the image's dtype."""
    av = pytest.importorskip("av")
    interleaved = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    frame = av.VideoFrame.from_ndarray(interleaved, format=pixel_format, channel_last=True)
    graph = av.filter.Graph()
    size = {"width": frame.width, "height": frame.height}
    source = graph.add_buffer(**size, format=frame.format, time_base=Fraction(1, 25))
    graph.link_nodes(source, graph.add("lut3d", options), graph.add("buffersink")).configure()
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    graph.push(frame)
    out = graph.pull()
    assert out.format.name == pixel_format
    return torch.from_numpy(out.to_ndarray(channel_last=True).copy()).permute(2, 0, 1)
