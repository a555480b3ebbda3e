"""One editor for every pipeline: off it is the stock one, and what is put around it does what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("diffusers")

import torch
from PIL import Image

from ft2os.errors import CancelledError
from ft2os.guidance import editors
from ft2os.guidance.editors import Options, latents, strength
from ft2os.guidance.editors.model import Call
from tests.tiny_editors import SIDE

SMALL = Options(side=SIDE, steps=4)


def quiet(share: float) -> None:
    """A tick that never stops anything."""


@pytest.fixture(scope="module")
def loaded(pix2pix, klein):
    """Both editors, loaded once; a test takes one with its own options."""
    made = {
        name: editors.find(str(folder), SMALL)
        for name, folder in {"pix2pix": pix2pix, "klein": klein}.items()
    }
    for editor in made.values():
        editor._pipe = editor._load(quiet)
    return made


@pytest.fixture
def using(loaded):
    """``using(name, **options)``: that editor with these options, its pipeline loaded already."""

    def make(name: str, **options):
        base = loaded[name]
        editor = type(base)(base.row, replace(SMALL, **options), base._load)
        editor._pipe = base._pipe
        return editor

    return make


def edited(editor, task) -> np.ndarray:  # [V, H, W, 3]
    return np.stack(editors.edit(editor, task, quiet))


def as_image(picture: np.ndarray) -> Image.Image:
    return Image.fromarray((picture * 255 + 0.5).astype(np.uint8))


@pytest.mark.parametrize("name", ["pix2pix", "klein"])
def test_with_nothing_set_it_is_the_stock_pipeline_to_the_bit(using, task, name):
    editor = using(name)
    size = editor._size((SIDE, SIDE))
    original = as_image(editors.resized(task.originals[1], size))
    words = {"prompt": task.prompt, "image": original, "num_inference_steps": 4, "output_type": "np"}
    if name == "pix2pix":
        words |= {"guidance_scale": 7.5, "image_guidance_scale": 1.5}
    else:
        words |= {"guidance_scale": 1.0, "height": size[0], "width": size[1]}
    stock = editor._pipe(**words, generator=torch.Generator().manual_seed(task.seeds[1])).images[0]
    np.testing.assert_array_equal(editor.edit(task, quiet)[1], stock)


@pytest.mark.parametrize("name", ["pix2pix", "klein"])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_view_has_the_same_bits_whatever_is_beside_it(using, task, name, share):
    task = replace(task, strength=share)
    alone = {
        field: getattr(task, field)[2:] for field in ("names", "pictures", "originals", "masks", "seeds")
    }
    editor = using(name)
    together = edited(editor, task)
    np.testing.assert_array_equal(together[2], edited(editor, replace(task, **alone))[0])
    assert np.abs(together[2] - together[1]).max() > 0.02


def test_a_batch_agrees_with_single_views(using, task):
    one, three = edited(using("pix2pix"), task), edited(using("pix2pix", batch=3), task)
    assert np.abs(one - three).max() < 1e-4


@pytest.mark.parametrize("name", ["pix2pix", "klein"])
def test_less_strength_keeps_more_of_the_picture(using, task, name):
    """The latents of the picture are what no noise at all would leave."""
    editor = using(name, steps=8)
    turned = replace(task, pictures=[picture[::-1].copy() for picture in task.pictures])
    size = editor._size((SIDE, SIDE))
    pictures = np.stack([editors.resized(picture, size) for picture in turned.pictures])
    own = latents.encode(editor._pipe, editor.row.latents, pictures).flatten(1)
    alike = []
    for share in (0.9, 0.6, 0.2):
        scheduler = strength.start_at(editor._pipe.scheduler, share)
        generators = [torch.Generator().manual_seed(seed) for seed in turned.seeds]
        start = editor._start(turned, Call((0, 1, 2), share), size, generators, scheduler)
        pairs = torch.stack([own, start.flatten(1)], 1)
        alike.append(float(torch.stack([torch.corrcoef(pair)[0, 1] for pair in pairs]).mean()))
    assert alike == sorted(alike)
    assert alike[-1] > alike[0] + 0.25
    # From noise alone the present picture does not matter; at low strength it does.
    pair = [replace(task, strength=0.2), replace(turned, strength=0.2)]
    low = [edited(editor, both) for both in pair]
    assert np.abs(low[0] - low[1]).mean() > 0.01
    free = [edited(editor, replace(both, strength=1.0)) for both in pair]
    np.testing.assert_array_equal(free[0], free[1])


def test_diffusion_starts_where_its_formula_says():
    from diffusers import DDIMScheduler, EulerAncestralDiscreteScheduler

    schedule = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    torch.manual_seed(0)
    clean, noise = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    ddim = strength.start_at(DDIMScheduler(**schedule, clip_sample=False, set_alpha_to_one=False), 0.5)
    started = strength.noised(ddim, clean, noise, 10, 0.5)
    assert len(ddim.timesteps) == 5
    share = ddim.alphas_cumprod[int(ddim.timesteps[0])]
    torch.testing.assert_close(started, share.sqrt() * clean + (1 - share).sqrt() * noise, atol=1e-6, rtol=0)
    euler = strength.start_at(EulerAncestralDiscreteScheduler(**schedule), 0.5)
    started = strength.noised(euler, clean, noise, 10, 0.5) * euler.init_noise_sigma
    assert len(euler.timesteps) == 5
    torch.testing.assert_close(started, clean + euler.sigmas[0] * noise, atol=1e-5, rtol=0)


def test_flow_starts_at_its_strength_and_takes_fewer_steps():
    from diffusers import FlowMatchEulerDiscreteScheduler

    shifted = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    later = strength.start_at(shifted, 0.5)
    later.set_timesteps(sigmas=np.linspace(1, 0.25, 4), mu=2.3)
    assert later.sigmas[0] == 0.5
    assert len(later.timesteps) == 2
    assert later.sigmas[-1] == 0
    shifted.set_timesteps(sigmas=np.linspace(1, 0.5, 2), mu=2.3)
    torch.testing.assert_close(later.timesteps, shifted.timesteps * 0.5)


def test_the_noise_range_draws_a_strength_for_each_view(using, task):
    editor = using("pix2pix", steps=20, noise_low=0.7, noise_high=0.98)
    drawn = [editor._strength(1.0, seed) for seed in range(60)]
    assert min(drawn) >= 0.7
    assert max(drawn) <= 1.0
    assert len(set(drawn)) > 4
    assert editor._strength(0.5, 3) == round(drawn[3] * 20 * 0.5) / 20
    rows = sorted(row for call in editor._calls(replace(task, seeds=[1, 2, 3])) for row in call.rows)
    assert rows == [0, 1, 2]


@pytest.mark.parametrize("name", ["pix2pix", "klein"])
def test_cancelling_ends_within_a_step_and_leaves_the_stock_pipeline(using, task, name):
    options = {"shared": True} if name == "pix2pix" else {}
    editor, heard = using(name, **options), []
    pipe = editor._pipe
    before = pipe.scheduler
    processors = getattr(getattr(pipe, "unet", None), "attn_processors", None)

    def stop(share: float) -> None:
        heard.append(share)
        if len(heard) == 3:  # the call's begin, and two of its four steps
            raise CancelledError

    with pytest.raises(CancelledError):
        editors.edit(editor, replace(task, strength=0.99), stop)
    assert len(heard) == 3
    assert pipe.scheduler is before
    assert "step" not in vars(before)
    assert "set_timesteps" not in vars(before)
    assert getattr(getattr(pipe, "unet", None), "attn_processors", None) == processors
    np.testing.assert_array_equal(edited(using(name), task), edited(using(name), task))


def test_guidance_reaches_the_pipeline_under_its_own_name(using, task):
    editor = using("pix2pix", text_guidance=12.0, image_guidance=1.75)
    generators = [torch.Generator()]
    arguments = editor._arguments(task, editor._calls(task)[0], (SIDE, SIDE), generators)
    assert (arguments["guidance_scale"], arguments["image_guidance_scale"]) == (12.0, 1.75)
    assert "height" not in arguments  # which this pipeline reads off the picture
    klein = using("klein", text_guidance=12.0)
    assert klein._arguments(task, klein._calls(task)[0], (SIDE, SIDE), generators)["guidance_scale"] == 1.0


def test_an_anchor_is_looked_at_by_editors_with_references(using, task):
    anchor = 1 - task.pictures[0]
    without, with_it = (edited(using("klein"), replace(task, anchor=a)) for a in (None, anchor))
    assert np.abs(without - with_it).max() > 1e-4


def test_a_grid_edits_four_views_at_once_and_gives_each_its_own(using, task):
    editor, heard = using("klein", grid=True), []
    pictures = editors.edit(editor, task, heard.append)
    assert [picture.shape for picture in pictures] == [(SIDE, SIDE, 3)] * 3
    assert len(heard) == 5  # one call of four steps
    anchored = editors.edit(editor, replace(task, anchor=task.pictures[0]), quiet)
    assert all(np.abs(a - b).max() > 1e-4 for a, b in zip(pictures, anchored))


def test_pictures_of_any_aspect_come_back_in_their_size(using, task):
    wide = replace(
        task, **{k: [p[:20] for p in getattr(task, k)] for k in ("pictures", "originals", "masks")}
    )
    assert edited(using("pix2pix"), wide).shape == (3, 20, SIDE, 3)


def test_surface_noise_makes_two_equal_views_equal(using, task):
    """Two cameras that see the same points in the same pixels start alike, however their seeds differ."""
    grid = np.stack(np.meshgrid(np.arange(float(SIDE)), np.arange(float(SIDE)), [0.0]), -1)[:, :, 0]
    same = {"pictures": [task.pictures[0]] * 3, "originals": [task.originals[0]] * 3}
    twins = replace(task, **same, points=[grid, grid, grid + 500])
    # Two latent pixels make a cell at least, so most but not all of the noise is the surface's.
    for wanted, same in ((True, True), (False, False)):
        starts = _starts(using("pix2pix", surface_noise=wanted), twins)
        assert (np.corrcoef(starts[0], starts[1])[0, 1] > 0.3) == same
        assert abs(np.corrcoef(starts[0], starts[2])[0, 1]) < 0.15


def _starts(editor, task) -> list[np.ndarray]:
    """The noise that each view of a task starts from."""
    drawn = []
    for call in editor._calls(task):
        generator = torch.Generator().manual_seed(task.seeds[call.rows[0]])
        start = editor._start(task, call, (SIDE, SIDE), [generator], editor._pipe.scheduler)
        if start is None:  # the pipeline draws it itself
            start = torch.randn((1, 4, SIDE // 2, SIDE // 2), generator=generator)
        drawn.append(start.numpy().ravel())
    return drawn


@pytest.mark.parametrize(
    ("name", "options"),
    [("klein", {"shared": True}), ("klein", {"surface_noise": True}), ("pix2pix", {"grid": True})],
)
def test_what_a_pipeline_cannot_do_it_leaves(using, task, name, options):
    np.testing.assert_array_equal(edited(using(name, **options), task), edited(using(name), task))


def test_views_of_a_task_share_their_attention(using, task):
    alone, together = (edited(using("pix2pix", shared=wanted), task) for wanted in (False, True))
    assert np.abs(alone - together).max() > 1e-3
    twins = replace(
        task,
        pictures=[task.pictures[0]] * 2,
        originals=[task.originals[0]] * 2,
        **{field: getattr(task, field)[:2] for field in ("names", "masks")},
        seeds=[5, 5],
    )
    pair = edited(using("pix2pix", shared=True), twins)
    assert np.abs(pair[0] - pair[1]).max() < 1e-4
    assert np.abs(pair[0] - edited(using("pix2pix"), twins)[0]).max() < 1e-4


def test_the_tiny_pipelines_are_of_the_real_classes(loaded):
    assert type(loaded["pix2pix"]._pipe).__name__ == "StableDiffusionInstructPix2PixPipeline"
    assert type(loaded["klein"]._pipe).__name__ == "Flux2KleinPipeline"
    assert loaded["pix2pix"]._pipe.safety_checker is None
