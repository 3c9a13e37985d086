"""LUT files that OpenColorIO reads and writes, as `Lut`.

A file is a chain of operations. Where it is `[scaling] [1-D curves] cube [matrix]`, it becomes a domain, a shaper
and a table of the file's own size, with nothing lost; a chain of curves alone becomes curves. Any other chain is
sampled on a cube of at least `BAKED_SIZE` nodes a side.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.lut.files import check_writable_lut, read_bytes, write_bytes
from lutgrade.lut.lut import BAKED_SIZE, Lut, identity_table
from lutgrade.ops.lut3d import MAX_SIZE

READABLE = (
    *(".3dl", ".cc", ".ccc", ".cdl", ".clf", ".csp", ".ctf", ".cub", ".itx", ".look", ".lut"),
    *(".m3d", ".mga", ".spi1d", ".spi3d", ".spimtx", ".vf"),
)
CHAINS = {".clf": "Academy/ASC Common LUT Format", ".ctf": "Color Transform Format"}  # hold domain and shaper
CUBES = {".3dl": "flame", ".csp": "cinespace", ".itx": "iridas_itx", ".spi3d": "spi3d"}

_COLLECTIONS = (".ccc", ".cdl")  # of ASC CDLs
BAKED_CURVE = 4096  # samples of curves that are not one stored curve

_Function = Callable[[np.ndarray], np.ndarray]  # colours [N, 3] to the same, float32


def read_ocio(path: str | Path) -> Lut:
    """Reads a LUT file through OpenColorIO; InputError where that cannot read it."""
    transforms, title = _chain(path)
    domain, transforms = _domain(transforms)
    table, shaper = _split(transforms) or (None, None)
    if table is not None:
        return Lut(table, domain, shaper, title)
    curves = _curves(transforms)
    if curves is not None and not _cubes(transforms):
        return Lut.from_curves(curves, domain, title=title)
    size = max([BAKED_SIZE, *(t.getGridSize() for t in _cubes(transforms))])
    return Lut(_sample(transforms, size), domain, title=title)


def write_ocio(lut: Lut, path: str | Path) -> Path:
    """Writes `.clf` and `.ctf` (domain, shaper and all), or `.3dl` (12 bits, clipped), `.csp`, `.itx`, `.spi3d`.

    Raises:
        InputError: the format cannot hold this LUT.
    """
    suffix = Path(path).suffix.lower()
    check_writable_lut(lut, f"{suffix} file")
    if lut.size > MAX_SIZE:
        raise InputError(f"a {suffix} file is written with up to {MAX_SIZE} nodes a side, this LUT has {lut.size}")
    if suffix in CHAINS:
        text = _to_group(lut).write(CHAINS[suffix], _raw_config())
    elif lut.shaper is not None:
        raise InputError(
            f"a {suffix} file cannot hold a shaper; .cube and .clf do, and a new size (resize) bakes it in"
        )
    elif not lut.unit_domain:
        raise InputError(f"a {suffix} file has the domain [0, 1] and this LUT another one; .cube and .clf hold it")
    else:
        text = _bake(lut, CUBES[suffix])
    return write_bytes(path, text.encode())


def _chain(path: str | Path) -> tuple[list[Any], str]:
    """The file's operations in order, and its title."""
    import PyOpenColorIO as ocio

    read_bytes(path)  # for our own errors on files that are missing or empty
    if not _is_text(str(path)):
        raise InputError(f"{path}: OpenColorIO takes no path that is not text; rename it")
    ocio.ClearAllCaches()  # it would return a file of the same name as it was
    source = ocio.FileTransform(src=str(Path(path).absolute()))
    try:
        group = _raw_config().getProcessor(source).createGroupTransform()
    except ocio.ExceptionMissingFile as error:
        raise InputError(f"{path}: OpenColorIO takes $ and % in a path for variables; rename it") from error
    except (ocio.Exception, UnicodeDecodeError) as error:  # its messages quote the file, in whatever bytes it has
        reasons = dict.fromkeys(str(error).strip().splitlines()[-1].strip().split("    "))
        reason = "it is not text" if isinstance(error, UnicodeDecodeError) else "; ".join(reasons)
        raise InputError(f"{path}: not a readable {Path(path).suffix} file: {reason}") from error
    if Path(path).suffix.lower() in _COLLECTIONS:
        count = len(ocio.CDLTransform.CreateGroupFromFile(str(path)))
        if count > 1:
            warnings.warn(f"{path}: holds {count} corrections; the first is read", stacklevel=4)
    return list(group), group.getFormatMetadata().getName()


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _raw_config() -> Any:
    import PyOpenColorIO as ocio

    return ocio.Config.CreateRaw()


def _function(transforms: list[Any]) -> _Function:
    """The operations as one function of colours."""
    import PyOpenColorIO as ocio

    processor = _raw_config().getProcessor(ocio.GroupTransform(transforms))
    cpu = processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS)

    def apply(colors: np.ndarray) -> np.ndarray:
        out = np.array(colors, np.float32, order="C")
        cpu.applyRGB(out)
        return out

    return apply


def _cubes(transforms: list[Any]) -> list[Any]:
    import PyOpenColorIO as ocio

    return [t for t in transforms if isinstance(t, ocio.Lut3DTransform)]


def _domain(transforms: list[Any]) -> tuple[Tensor | None, list[Any]]:
    """The input domain where the first operation scales it to [0, 1] for a LUT, and what follows."""
    import PyOpenColorIO as ocio

    tables = (ocio.Lut1DTransform, ocio.Lut3DTransform)
    if len(transforms) < 2 or not isinstance(transforms[1], tables):
        return None, transforms
    first = transforms[0]
    if isinstance(first, ocio.MatrixTransform):
        matrix, offset = np.reshape(first.getMatrix(), (4, 4))[:3, :3], np.array(first.getOffset()[:3])
        scale = np.diag(matrix)
        if np.any(matrix != np.diag(scale)) or np.any(scale <= 0):
            return None, transforms
        low, high = -offset / scale, (1 - offset) / scale
    elif isinstance(first, ocio.RangeTransform):
        if (first.getMinOutValue(), first.getMaxOutValue()) != (0, 1):
            return None, transforms
        low, high = np.full(3, first.getMinInValue()), np.full(3, first.getMaxInValue())
    else:
        return None, transforms
    domain = torch.from_numpy(np.stack([low, high])).float()
    return (None if domain.tolist() == [[0] * 3, [1] * 3] else domain), transforms[1:]


def _split(transforms: list[Any]) -> tuple[Tensor, Tensor | None] | None:
    """Table and shaper of `[curves] cube [matrix]`; None for any other chain."""
    import PyOpenColorIO as ocio

    cubes = _cubes(transforms)
    if len(cubes) != 1 or cubes[0].getDirection() != ocio.TRANSFORM_DIR_FORWARD:
        return None
    position = next(i for i, t in enumerate(transforms) if isinstance(t, ocio.Lut3DTransform))
    before, after = transforms[:position], transforms[position + 1 :]
    shaper = _curves(before) if before else None
    if (before and shaper is None) or not all(isinstance(t, ocio.MatrixTransform) for t in after):
        return None
    if shaper is not None and torch.allclose(shaper, torch.linspace(0, 1, shaper.shape[1]), atol=1e-6):
        shaper = None
    return _sample(transforms[position:], cubes[0].getGridSize()), shaper


def _curves(transforms: list[Any]) -> Tensor | None:
    """The operations over [0, 1] as curves `[3, M]`; None where the channels mix."""
    import PyOpenColorIO as ocio

    stored = [t for t in transforms if isinstance(t, ocio.Lut1DTransform)]
    size = max([2, *(t.getLength() for t in stored)])
    exact = len(transforms) == 1 and stored and stored[0].getDirection() == ocio.TRANSFORM_DIR_FORWARD
    if not exact or stored[0].getInputHalfDomain():
        size = max(size, BAKED_CURVE)
    function = _function(transforms)
    ramp = np.linspace(0, 1, size, dtype=np.float32)
    curves = function(np.repeat(ramp[:, None], 3, 1))  # [M, 3]
    index = np.random.default_rng(0).integers(size, size=(256, 3))
    mixed, apart = function(ramp[index]), np.take_along_axis(curves, index, 0)
    return torch.from_numpy(curves.T.copy()) if np.allclose(mixed, apart, rtol=1e-5, atol=1e-6) else None


def _sample(transforms: list[Any], size: int) -> Tensor:
    """The operations at the nodes of a cube over [0, 1], `[3, S, S, S]`."""
    colors = _function(transforms)(identity_table(size).flatten(1).T.numpy())
    return torch.from_numpy(colors.T.reshape(3, size, size, size).copy())


def _to_group(lut: Lut) -> Any:
    """Domain, shaper and table as OpenColorIO's operations."""
    import PyOpenColorIO as ocio

    group = ocio.GroupTransform()
    group.getFormatMetadata().setName(lut.title)
    if lut.domain is not None:
        low, high = lut.domain.double().cpu().numpy()
        scale = 1 / (high - low)
        diagonal = np.diag([*scale, 1.0]).ravel().tolist()
        group.appendTransform(ocio.MatrixTransform(diagonal, [*(-low * scale).tolist(), 0.0]))
    if lut.shaper is not None:
        curves = ocio.Lut1DTransform(lut.shaper.shape[1], inputHalfDomain=False)
        curves.setData(lut.shaper.detach().float().cpu().T.contiguous().numpy().ravel())
        group.appendTransform(curves)
    cube = ocio.Lut3DTransform(lut.size)
    cube.setData(lut.table.detach().float().cpu().permute(3, 2, 1, 0).contiguous().numpy().ravel())
    group.appendTransform(cube)
    return group


def _bake(lut: Lut, format_name: str) -> str:
    import PyOpenColorIO as ocio

    config = _raw_config()
    config.addColorSpace(ocio.ColorSpace(name="input"))
    graded = ocio.ColorSpace(name="graded")
    graded.setTransform(_to_group(lut), ocio.COLORSPACE_DIR_FROM_REFERENCE)
    config.addColorSpace(graded)
    baker = ocio.Baker()
    baker.setConfig(config)
    baker.setFormat(format_name)
    baker.setInputSpace("input")
    baker.setTargetSpace("graded")
    baker.setCubeSize(lut.size)
    return baker.bake()
