"""The image editor with temporal blocks: a grader of whole clips."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lutgrade.checkpoints import save_checkpoint
from lutgrade.errors import InputError
from lutgrade.models.diffusion import Diffusion
from lutgrade.models.frames import PixelCodec
from lutgrade.models.video_editor import TEMPORAL, VideoEditor
from lutgrade.objectives.editing import Editing
from lutgrade.protocols import is_grader
from lutgrade.weights import MissingWeights
from models.learned import graded_sample, pictures
from models.test_editor import TINY, tiny_editor


def tiny_video_editor(**options: object) -> VideoEditor:
    torch.manual_seed(1)
    return VideoEditor(PixelCodec(16), Diffusion(), extractor=TINY, unet=TINY, steps=2, **options).eval()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("stage1")
    save_checkpoint(folder, tiny_editor(), {"_target_": "lutgrade.models.editor.ImageEditor"})  # type: ignore[arg-type]
    return str(folder)


@pytest.fixture(scope="module")
def video_editor(checkpoint: str) -> VideoEditor:
    editor = tiny_video_editor(checkpoint=checkpoint, window=3)
    editor.initialise()
    return editor


def test_it_begins_as_the_image_editor(video_editor: VideoEditor) -> None:
    image_editor = tiny_editor()
    image_editor.steps = video_editor.steps
    frames, reference = pictures(0, 4), pictures(1, 1)
    alone = image_editor(frames[:1], reference)(frames)
    assert is_grader(video_editor)
    torch.testing.assert_close(video_editor(frames, reference, seed=0), alone, rtol=0, atol=1e-4)
    assert not torch.equal(video_editor(frames, reference, seed=1), alone)


def test_a_batch_of_clips_is_its_clips(video_editor: VideoEditor) -> None:
    generator = torch.Generator().manual_seed(0)
    noisy, source = torch.randn(2, 6, 3, 16, 16, generator=generator)
    timestep, context = torch.tensor([3, 700]), torch.randn(2, 1, 48, generator=generator)
    banks = video_editor.banks(torch.randn(2, 3, 16, 16, generator=generator), context)
    both = video_editor.denoise(noisy, source, timestep, context, banks)
    for i, clip in enumerate((slice(0, 3), slice(3, 6))):
        one = {name: bank[i : i + 1] for name, bank in banks.items()}
        alone = video_editor.denoise(noisy[clip], source[clip], timestep[i], context[i : i + 1], one)
        torch.testing.assert_close(both[clip], alone, rtol=1e-4, atol=1e-5)


def test_only_the_temporal_blocks_are_trained_and_then_frames_see_each_other(checkpoint: str) -> None:
    editor = tiny_video_editor(checkpoint=checkpoint)
    editor.initialise()
    trained = {name for name, parameter in editor.named_parameters() if parameter.requires_grad}
    assert trained == {name for name, _ in editor.named_parameters() if TEMPORAL in name}
    before = {name: value.clone() for name, value in editor.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in editor.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        Editing()(editor, graded_sample(batch=1, frames=3))["loss"].backward()
        optimizer.step()
    changed = {name for name, value in editor.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(TEMPORAL in name for name in changed)
    frames, reference = pictures(0, 3), pictures(1, 1)
    other = torch.cat([frames[:2], pictures(5, 1)])
    graded = editor(frames, reference, seed=0)
    assert not torch.allclose(editor(other, reference, seed=0)[:2], graded[:2], atol=1e-5)


def test_what_it_cannot_begin_from_is_refused(tmp_path: Path, checkpoint: str) -> None:
    with pytest.raises(MissingWeights, match="train it first"):
        tiny_video_editor(checkpoint=str(tmp_path)).initialise()
    with pytest.raises(InputError, match="from 1 to 32 frames"):
        tiny_video_editor(window=40)
    wide = TINY | {"block_out_channels": (16, 16)}
    with pytest.raises(InputError, match="does not fit VideoEditor: "):
        VideoEditor(PixelCodec(16), Diffusion(), extractor=wide, unet=wide, checkpoint=checkpoint).initialise()


def test_gradient_checkpoints_change_no_gradient(checkpoint: str) -> None:
    editor = tiny_video_editor(checkpoint=checkpoint).train()
    editor.initialise()

    def gradients() -> list[torch.Tensor]:
        editor.zero_grad()
        torch.manual_seed(0)
        Editing()(editor, graded_sample(frames=2))["loss"].backward()
        return [p.grad.clone() for p in editor.parameters() if p.grad is not None]

    plain = gradients()
    editor.enable_gradient_checkpointing()
    for ours, wanted in zip(gradients(), plain, strict=True):
        torch.testing.assert_close(ours, wanted)
