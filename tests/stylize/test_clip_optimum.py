"""The CLIP method reaches what its judge wants, where one can know what that is.

The judge sees nothing but a colour, so that the best look is known. Every test would also pass by chance only
where the method finds that colour: a sign, a weight, a text or a rate that is wrong leads elsewhere.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os import looks  # noqa: E402
from ft2os.cameras import orbit  # noqa: E402
from ft2os.cameras.camera import stack  # noqa: E402
from ft2os.gaussians import C0, Gaussians, concatenate  # noqa: E402
from ft2os.guidance import clip_judge, templates  # noqa: E402
from ft2os.stylize import StylizeRequest  # noqa: E402
from ft2os.stylize.clip import colour_stage, fast, geometry_stage, start  # noqa: E402
from ft2os.stylize.clip.about import CLIP  # noqa: E402
from ft2os.stylize.clip.linear_views import LinearViews  # noqa: E402
from ft2os.stylize.clip.loaded import load  # noqa: E402
from ft2os.stylize.clip.objective import Judgement  # noqa: E402
from ft2os.stylize.clip.paper import PaperRun  # noqa: E402
from ft2os.stylize.clip.reference_views import ReferenceViews  # noqa: E402
from ft2os.stylize.clip.texts import Texts  # noqa: E402
from ft2os.stylize.prepare import prepare  # noqa: E402
from ft2os.tiles import render  # noqa: E402
from tests.colour_judge import ColourJudge, colour_of  # noqa: E402
from tests.scenes import ball  # noqa: E402

RUSSET, TEAL = (0.75, 0.35, 0.25), (0.2, 0.55, 0.65)
SMALL = {
    "surface_views": 4,
    "surface_pixels": 48,
    "limit": 400,
    "refit": 0,
    "views": 4,
    "batch": 4,
    "negatives": "any,thing",
    "start": "original",
    "geometry": 0.0,
}
FREE = {"anchor": 0, "structure": 0, "smooth": 0, "loss": "similarity", "rate": 0.02, "steps": 60}

CLOSE_UP = ("close-up", "cropped", "texture of", "a detail of")  # what only sentences about crops say
OWN_SENTENCES = {"whole": templates.WHOLE, "crop": templates.CROP}
OTHER_SENTENCES = {"whole": templates.CROP, "crop": templates.WHOLE}


@pytest.fixture(scope="module")
def target():
    return solid(ball(150, seed=2, radius=0.7, colour=(0.5, 0.5, 0.5)))


def solid(gaussians: Gaussians) -> Gaussians:
    """Opaque and round, so that it hides what is behind it."""
    scales = np.full_like(gaussians.scales, 0.12)
    return gaussians.replace(scales=scales, opacities=np.full(len(gaussians), 0.98, np.float32))


def request(target, prompt="russet", preset="standard", **overrides):
    settings = overrides if preset == "paper" else SMALL | overrides
    return StylizeRequest(
        target,
        prompt,
        object_name="ball",
        method="clip",
        preset=preset,
        overrides=settings,
        cameras=orbit(target, 5, size=(64, 48)),
    )


def stylized(request, judge):
    return fast.run(load(request, CLIP.settings(request.preset, request.overrides), judge))


def seen(target, look):
    """The mean colour in the middle of views that no run had."""
    views = orbit(((0.0, 0.0, 0.0), 0.7), 3, (32, 32), elevation_deg=20)
    viewmats, Ks = stack(views)
    rgb = render(looks.apply(target, look, 1.0), viewmats, Ks, 32, 32).rgb
    return rgb[:, 12:20, 12:20].mean(axis=(0, 1, 2))


def test_the_colours_reach_the_one_that_the_judge_likes_best(target):
    result = stylized(request(target, **FREE), ColourJudge({"russet": RUSSET}))
    np.testing.assert_allclose(seen(target, result.look), RUSSET, atol=0.03)


@pytest.mark.parametrize("judged", ["whole", "crop"])
def test_whole_pictures_and_crops_are_led_by_their_own_words(target, judged):
    judge = ColourJudge(dict.fromkeys(CLOSE_UP, TEAL) | {"russet": RUSSET})
    weights = {"nce": 1.0, "patch": 0.0} if judged == "whole" else {"nce": 0.0, "patch": 1.0}
    shown = seen(target, stylized(request(target, **FREE, direction=0, **weights), judge).look)
    to_own, to_other = (
        np.linalg.norm(shown - colour_of(templates.embed(judge, "russet", sentences)).numpy())
        for sentences in (OWN_SENTENCES[judged], OTHER_SENTENCES[judged])
    )
    assert to_own < 0.25 * to_other  # a crop sees some of the background too


def test_crops_show_the_object_where_it_is(target):
    """A teal corner that is the object, in a russet picture that is not."""
    judge = ColourJudge({"russet": RUSSET})
    asked = request(target, loss="similarity", crop_low=0.1, crop_high=0.1, tilt=0.0)
    settings = CLIP.settings("standard", asked.overrides)
    image = torch.tensor(RUSSET)[:, None, None].repeat(1, 32, 32)
    image[:, :16, :16] = torch.tensor(TEAL)[:, None, None]
    image[:, 8:24, 8:24] = torch.tensor(RUSSET)[:, None, None]
    corner = np.zeros((1, 32, 32), bool)
    corner[0, :4, :4] = True
    judgement = Judgement(judge, Texts(asked, settings, judge), settings)
    terms = judgement.terms(image[None], 4, corner, np.random.default_rng(0))
    assert float(terms["nce"]) == pytest.approx(-1.0, abs=0.01)
    assert float(terms["patch"]) > -0.9


def test_the_direction_alone_leads_from_the_source_words_to_the_targets(target):
    """From red to yellow is greener, whatever is between grey and yellow."""
    judge = ColourJudge({"russet": (0.8, 0.8, 0.2), "ball": (0.8, 0.2, 0.2)})
    settings = FREE | {"nce": 0, "patch": 0, "direction": 1}
    red, green, blue = seen(target, stylized(request(target, **settings), judge).look)
    assert green > 0.8
    assert red == pytest.approx(0.5, abs=0.05)
    assert blue == pytest.approx(0.5, abs=0.05)


def test_negatives_push_away(target):
    judge = ColourJudge({"russet": RUSSET, "rival": (0.75, 0.35, 0.6)})
    settings = FREE | {"loss": "contrastive", "direction": 0, "patch": 0}
    look = stylized(request(target, **settings | {"negatives": "rival"}), judge).look
    assert seen(target, look)[2] < RUSSET[2] - 0.05  # beyond russet, seen from the rival


def test_the_palette_takes_the_whole_object_there():
    """What no view sees moves too, by the palette alone: nothing else reaches it."""
    shell = solid(ball(900, seed=2, radius=0.7, colour=(0.5, 0.5, 0.5)))
    core = solid(ball(40, seed=3, radius=0.2, colour=(0.5, 0.5, 0.5)))
    whole = concatenate([shell, core])
    look = stylized(request(whole, **FREE, limit=2000), ColourJudge({"russet": RUSSET})).look
    inside = looks.apply(whole, look, 1.0).base_colours[look.parent >= len(shell)]
    assert len(inside) >= len(core)
    change = inside.mean(axis=0) - 0.5
    wanted = np.subtract(RUSSET, 0.5)
    assert change @ wanted > 0.25 * wanted @ wanted
    assert change @ wanted / np.linalg.norm(change) / np.linalg.norm(wanted) > 0.9


def test_the_steps_shrink_to_a_tenth(target, monkeypatch):
    """Adam's steps are as long as its rate where the gradient keeps its direction."""
    lengths = []

    def watched(this, name, stage, preview, judged=0):
        while not stage.done:
            before = stage._offsets.detach().clone()
            stage.step()
            lengths.append(float((stage._offsets.detach() - before).abs().max()))

    monkeypatch.setattr(fast.steps, "take_all", watched)
    stylized(request(target, **FREE | {"steps": 30, "rate": 0.004}), ColourJudge({"russet": RUSSET}, 1e-3))
    first, middle, last = lengths[0], lengths[len(lengths) // 2], lengths[-1]
    assert first == pytest.approx(3 * 0.004, rel=0.02)  # three times the rate, from the object's own colours
    assert 0.4 * first < middle < 0.7 * first
    assert last == pytest.approx(0.1 * first, rel=0.35)


def test_an_anchor_that_weighs_everything_keeps_the_start(target):
    judge = ColourJudge({"russet": RUSSET})
    held = stylized(request(target, **FREE | {"anchor": 1e5}), judge).look
    np.testing.assert_allclose(seen(target, held), 0.5, atol=0.02)


def test_the_anchor_counts_less_from_the_original_than_from_a_material(target):
    """Between what the judge wants and where it began a look settles by the weights."""
    judge = ColourJudge({"russet": RUSSET})
    settings = FREE | {"anchor": 60.0, "candidates": 1, "scale": 1.15, "luminance_keep": 0.5, "steps": 90}

    def went(begin):
        start_, end = (
            seen(target, stylized(request(target, **settings | {"start": begin} | more), judge).look)
            for more in ({"steps": 0}, {})
        )
        return (end - start_) @ (RUSSET - start_) / ((RUSSET - start_) @ (RUSSET - start_))

    assert went("original") > went("ice") + 0.2


def test_the_structure_term_keeps_light_and_dark():
    """A judge that wants one flat colour takes a stripe away; the term keeps it."""
    striped = solid(ball(300, seed=2, radius=0.7))
    light = np.where(striped.means[:, 1] > 0, 0.75, 0.25).astype(np.float32)
    striped = striped.replace(sh=((light[:, None, None] - 0.5) / C0).repeat(3, axis=2).astype(np.float32))
    judge = ColourJudge({"russet": RUSSET})

    def contrast(weight):
        settings = FREE | {"structure": weight, "smooth": 0, "crops": 0.5}
        colours = looks.apply(striped, stylized(request(striped, **settings), judge).look, 1.0).base_colours
        upper = striped.means[:, 1] > 0
        return colours[: len(striped)][upper].mean() - colours[: len(striped)][~upper].mean()

    assert contrast(20.0) > contrast(0.0) + 0.1


def test_neighbours_are_the_nearest_others():
    line = np.zeros((9, 3), np.float32)
    line[:, 0] = np.arange(9) ** 1.01  # a little farther apart each time, so that none are as near as others
    near = colour_stage._neighbours(line)
    assert near.shape == (9, colour_stage.NEIGHBOURS)
    for index, row in enumerate(near):
        order = np.argsort(np.abs(line[:, 0] - line[index, 0]))
        assert set(row) == set(order[1 : colour_stage.NEIGHBOURS + 1])


def test_references_are_of_their_own_views():
    """The direction is measured from each view's own original: a side may look other than its back."""
    sides = solid(ball(200, seed=2, radius=0.7))
    colours = np.where(sides.means[:, :1] > 0, [RUSSET], [TEAL]).astype(np.float32)
    views = LinearViews(sides, orbit(sides, 4, size=(32, 32)), np.full((4, 3), 0.5), "cpu")
    judge = ColourJudge({})
    settings = CLIP.settings("standard", SMALL)
    judgement = Judgement(judge, Texts(request(sides), settings, judge), settings)
    references = ReferenceViews(views, torch.from_numpy(colours), judgement)
    embeddings = references.embeddings([3, 1, 3])
    assert torch.equal(embeddings[0], embeddings[2])
    shown = np.stack([colour_of(embedding).numpy() for embedding in embeddings])
    expected = references.images([3, 1])[:, :, 8:24, 8:24].mean(dim=(2, 3))
    np.testing.assert_allclose(shown[:2], expected, atol=1e-5)
    assert np.abs(shown[0] - shown[1]).max() > 0.1
    views.close()


# The start.


def _prepared(target):
    return prepare(target, views=4, pixels=48, max_split_scale=0.5, limit=300)


@pytest.mark.parametrize(("wanted", "chosen"), [((0.9, 0.35, 0.1), "lava"), ((0.6, 0.8, 0.9), "ice")])
def test_the_material_that_the_judge_likes_best_is_the_start(target, wanted, chosen):
    judge = ColourJudge({"xyzzy": wanted})
    asked = request(target, "xyzzy", start="auto", candidates=2)
    settings = CLIP.settings("standard", asked.overrides)
    judgement = Judgement(judge, Texts(asked, settings, judge), settings)
    told = []
    choice = start.choose(
        start.Candidates(["ice", "lava"], "similar"),
        asked,
        settings,
        judgement,
        _prepared(target),
        told.append,
    )
    assert choice.brush.material.name == chosen
    assert choice.scores[max(choice.scores, key=choice.scores.get)] == max(
        score for label, score in choice.scores.items() if label.startswith(chosen)
    )
    assert told == [0.5, 1.0]


# The geometry.


def test_the_judge_of_the_geometry_weighs_as_the_settings_say(target):
    judge = ColourJudge(dict.fromkeys(CLOSE_UP, TEAL) | {"russet": RUSSET})
    asked = request(target, nce=3.0, patch=5.0)
    settings = CLIP.settings("standard", asked.overrides)
    judgement = Judgement(judge, Texts(asked, settings, judge), settings)
    loss, terms = geometry_stage.Judge(judgement, settings, seed=0)(torch.rand(2, 3, 32, 32), [])
    assert terms.keys() == {"nce", "patch"}
    assert float(loss) == pytest.approx(3 * terms["nce"] + 5 * terms["patch"], rel=1e-5)


def test_the_geometry_moves_and_stays_within_its_reach(target):
    """A judge that is never content would take it anywhere."""
    judge = ColourJudge({"russet": RUSSET}, sight=1e-3)
    settings = {"steps": 2, "geometry": 1.0, "geometry_steps": 40, "nce": 1e5, "patch": 0.0, "direction": 0}
    look = stylized(request(target, **settings), judge).look
    extent = np.ptp(target.means, axis=0).max()
    away = np.linalg.norm(look.target["means"] - look.means, axis=1) / extent
    assert 0.02 < away.max() < 0.065
    assert np.abs(np.log(look.target["scales"] / look.scales)).max() > 0.02


# The paper's loop.


def test_the_papers_loop_reaches_the_colour_too(target, monkeypatch):
    monkeypatch.setattr(clip_judge, "load", lambda *_: ColourJudge({"russet": RUSSET}))
    asked = request(
        target,
        preset="paper",
        negatives="any,thing",
        loss="similarity",
        steps=60,
        batch=4,
        outliers=False,
        freeze="sh,opacity,scale,rotation,position",
        background=[0.5, 0.5, 0.5],
    )
    result = PaperRun(asked, CLIP.settings("paper", asked.overrides)).run()
    np.testing.assert_allclose(seen(target, result.look), RUSSET, atol=0.05)
    assert result.stats["loss_last"] == pytest.approx(-1.0, abs=0.01)
