"""`make demo`: grades a clip made from public-domain photographs to another photograph's look.

The photographs come with scikit-image: "chelsea" and "coffee" (CC0) are the clip, a slow camera move over each;
"rocket" (CC0) is the reference.
"""

# ruff: noqa: E402  (threads are settled before torch is loaded)
from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from lutgrade.process import one_line, quiet_threads

quiet_threads()

import torch
import torch.nn.functional as F
from torch import Tensor

SIZE = (360, 640)  # rows, columns
RATE, SECONDS = 24, 3  # frames a second; seconds a photograph


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("demo"), help="the folder to write")
    with one_line():
        make(parser.parse_args().output)


def make(folder: Path) -> None:
    """Writes the inputs, and grades them."""
    from lutgrade.commands.grade import show
    from lutgrade.files import make_folder
    from lutgrade.grading import grade
    from lutgrade.progress import bar

    content, reference = make_inputs(make_folder(folder))
    print(f"clip    {content}\nlook    {reference}")
    show(grade(content, reference, folder / "clip_graded.mp4", overwrite=True, progress=bar))


def make_inputs(folder: Path) -> tuple[Path, Path]:
    """Writes the clip and the reference."""
    import skimage.data

    content, reference = folder / "clip.mp4", folder / "reference.jpg"
    write_clip(content, camera_moves([skimage.data.chelsea(), skimage.data.coffee()]))
    shutil.copyfile(Path(skimage.data.__file__).parent / "rocket.jpg", reference)
    return content, reference


def camera_moves(photographs: list) -> Iterator[Tensor]:
    """Frames `[H, W, 3]` (uint8) of a slow push in with a drift, over one photograph after another."""
    rows, columns = SIZE
    for photograph in photographs:
        image = torch.as_tensor(photograph).permute(2, 0, 1)[None].float()
        height, width = image.shape[-2:]
        cover = min(width / columns, height / rows)  # pixels of the photograph a pixel of the frame, to fill it
        for step in torch.linspace(0, 1, RATE * SECONDS).tolist():
            scale = cover * (1 - 0.15 * step)
            half_width, half_height = scale * columns / width, scale * rows / height
            drift = (1 - half_width) * (2 * step - 1) * 0.5
            theta = torch.tensor([[[half_width, 0, drift], [0, half_height, 0]]])
            grid = F.affine_grid(theta, [1, 3, rows, columns], align_corners=False)
            frame = F.grid_sample(image, grid, mode="bicubic", padding_mode="border", align_corners=False)
            yield frame[0].permute(1, 2, 0).round().clamp(0, 255).byte()


def write_clip(path: Path, frames: Iterator[Tensor]) -> None:
    """Encodes frames as H.264, tagged BT.709."""
    import av
    from av.video.reformatter import Colorspace

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE), options={"crf": "16"})
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 1, 1, 1, 1
        for image in frames:
            frame = av.VideoFrame.from_ndarray(image.numpy(), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
