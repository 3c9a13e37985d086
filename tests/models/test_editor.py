"""The image editor of stage 1, small and on pixels."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.models.diffusion import Diffusion
from lutgrade.models.editor import ImageEditor
from lutgrade.models.frames import PixelCodec
from lutgrade.objectives.supervised import Supervised
from lutgrade.protocols import ColorMap
from models.learned import graded_sample, pictures

TINY = {
    "block_out_channels": (8, 16),
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "norm_num_groups": 4,
    "attention_head_dim": 2,
    "cross_attention_dim": 48,
    "layers_per_block": 1,
}


def tiny_editor(**options: object) -> ImageEditor:
    torch.manual_seed(0)
    return ImageEditor(PixelCodec(16), Diffusion(), extractor=TINY, unet=TINY, steps=3, **options).eval()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def editor() -> ImageEditor:
    return tiny_editor().requires_grad_(False)


@pytest.mark.parametrize("size", [(16, 16), (33, 24), (1, 9)])
def test_edits_frames_of_any_size(editor: ImageEditor, size: tuple[int, int]) -> None:
    grade = editor(pictures(0), pictures(1, height=17, width=12))
    assert isinstance(grade, ColorMap)
    image = pictures(2, 2, *size)
    edited = grade(image)
    assert edited.shape == image.shape
    assert edited.isfinite().all()
    assert edited.aminmax().min >= 0
    assert edited.aminmax().max <= 1


def test_a_batch_equals_a_loop_whatever_the_global_seed(editor: ImageEditor) -> None:
    content, reference = pictures(0, 2), pictures(1, 2)
    torch.manual_seed(1)
    together = editor(content, reference)(content)
    torch.manual_seed(2)
    for i in range(2):
        alone = editor(content[i : i + 1], reference[i : i + 1])(content[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-4)


def test_one_reference_grades_many_frames(editor: ImageEditor) -> None:
    frames = pictures(0, 3)
    grade = editor(frames[:1], pictures(1, 1))
    torch.testing.assert_close(grade(frames)[1:2], grade(frames[1:2]), rtol=0, atol=1e-4)


def test_the_reference_matters_by_its_banks_and_by_its_tokens(editor: ImageEditor) -> None:
    noisy, source = torch.randn(1, 3, 16, 16), torch.randn(1, 3, 16, 16)
    one, other = (editor.codec.fit(pictures(seed, 1)) for seed in (1, 2))

    def predicted(latents_of: Tensor, tokens_of: Tensor) -> Tensor:
        context = editor.codec.context(tokens_of)
        banks = editor.banks(editor.codec.encode(latents_of), editor.codec.context(one))
        return editor.denoise(noisy, source, torch.tensor(500), context, banks)

    base = predicted(one, one)
    assert (predicted(other, one) - base).abs().max() > 1e-3 * base.std()
    assert (predicted(one, other) - base).abs().max() > 1e-3 * base.std()


def test_the_published_slip_leaves_the_source_unscaled() -> None:
    codec = PixelCodec(16)
    codec.scale = 0.18215
    images = pictures(0, 1, 16, 16)
    as_paper, as_released = tiny_editor(), tiny_editor(scale_source=False)
    as_paper.codec = as_released.codec = codec
    ratio = as_paper.source_latents(images) / as_released.source_latents(images)
    torch.testing.assert_close(ratio, torch.full_like(ratio, 0.18215))


def test_guidance_of_one_is_none() -> None:
    content, reference = pictures(0, 1, 16, 16), pictures(1, 1, 16, 16)
    plain, told = tiny_editor(), tiny_editor(guidance=2.0)
    base = plain(content, reference)(content)
    assert not torch.equal(told(content, reference)(content), base)
    told.guidance = 1.0
    assert torch.equal(told(content, reference)(content), base)


def test_bad_shapes_are_refused(editor: ImageEditor) -> None:
    good = pictures(0, 2)
    for content, reference in ((good[0], good), (good[:, :1], good), (good, good[:1]), ((good * 255).byte(), good)):
        with pytest.raises(InputError):
            editor(content, reference)
    with pytest.raises(InputError, match="3 frames cannot be shared out among 2 references"):
        editor(good, good)(pictures(0, 3))


def test_the_state_holds_the_two_networks_alone(editor: ImageEditor) -> None:
    assert {key.partition("unet.")[0] for key in editor.state_dict()} == {"", "extractor."}
    assert copy.deepcopy(editor).state_dict().keys() == editor.state_dict().keys()


def test_where_a_lut_is_needed_it_is_refused(editor: ImageEditor) -> None:
    with pytest.raises(InputError, match="gives no LUT"):
        Supervised()(editor, graded_sample(batch=1))
