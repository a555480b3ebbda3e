"""Forms and the geometry stage give what they gave: ``kept_shapes.json``, written by running this module."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os.cameras import orbit  # noqa: E402
from ft2os.gaussians import Gaussians  # noqa: E402
from ft2os.stylize import form  # noqa: E402
from ft2os.stylize.form import field, strands  # noqa: E402
from ft2os.stylize.form.forms import Body  # noqa: E402
from ft2os.stylize.form.surface import spread, surface_of  # noqa: E402
from ft2os.stylize.geometry import Settings, Shape, deform, wider  # noqa: E402
from ft2os.stylize.geometry.coherence import Coherence  # noqa: E402
from ft2os.stylize.geometry.densify import split_long  # noqa: E402
from ft2os.stylize.geometry.surroundings import Surroundings  # noqa: E402
from ft2os.stylize.prepare import PreparedObject, prepare  # noqa: E402
from tests import kept  # noqa: E402
from tests.scenes import ball  # noqa: E402

KEPT = Path(__file__).with_name("kept_shapes.json")


@cache
def _object() -> Gaussians:
    """A flattened ball with dark eyes, of Gaussians that are not all alike."""
    g = ball(420, 1, 5, radius=0.8)
    means = g.means * np.float32([1.0, 0.8, 0.6])
    sh = g.sh.copy()
    eyes = np.hypot(means[:, 0] - 0.25, means[:, 1]) < 0.25
    sh[eyes, 0] = np.where(np.arange(eyes.sum()) % 2, -1.6, 1.6)[:, None]
    return g.replace(means=means, sh=sh, opacities=np.clip(g.opacities + 0.2, 0, 0.99))


@cache
def _prepared() -> PreparedObject:
    return prepare(_object(), views=6, pixels=64, max_split_scale=0.04, limit=1500)


@cache
def _surface() -> object:
    made = _prepared()
    return surface_of(made.fine, made.surface_views, made.frame.extent)


def _outside() -> dict[str, object]:
    surface = _surface()
    names = ("rows", "points", "normals", "colours", "detail")
    place, normal, away = surface.at(np.array([[1.0, 0, 0], [0, -0.7, 0.1], [0.2, 0.3, -0.9]]))
    rng = np.random.default_rng(3)
    moved = surface.moved(surface.points + np.float32([0.5, 0, 0]))
    return {name: getattr(surface, name) for name in names} | {
        "place": place,
        "normal": normal,
        "away": away,
        "moved": moved.at(np.array([[1.0, 0, 0]]))[0],
        "spread": spread(surface, 0.2, rng, surface.points[:, 0] > 0),
    }


def _outside_of_few() -> dict[str, object]:
    """So faint that none is solid: the four that show most are the outside."""
    few = ball(7, seed=7, radius=0.3)
    few = few.replace(opacities=np.full(7, 0.24, np.float32), scales=np.full_like(few.scales, 0.3))
    made = prepare(few, views=3, pixels=48, max_split_scale=1.0, limit=7)
    surface = surface_of(few, made.surface_views, made.frame.extent)
    return {"rows": surface.rows, "points": surface.points, "colours": surface.colours}


def _form(name: str, amount: float) -> dict[str, object]:
    made = form.give_form(_prepared(), name, amount, seed=5)
    arrays = ("means", "quats", "scales", "opacities", "sh")
    return {
        **{f"shown {array}": np.abs(getattr(made.shown, array)) for array in arrays},
        **{f"fine {array}": np.abs(getattr(made.fine, array)) for array in arrays},
        "parent": made.parent,
        "neutral": made.neutral,
        "own colours": made.own_colours,
        "seen": made.surface_views[1].original,
    }


def _bare(name: str) -> dict[str, object]:
    """Before it is held within its reach, hidden and coloured."""
    made = _prepared()
    formed = form.FORMS[name](Body(made.fine, _surface(), made.frame, 0.8, np.random.default_rng(1)))
    told = {f"moved {key}": np.abs(value) for key, value in formed.moved.items()}
    told |= {} if formed.shade is None else {"body's shade": formed.shade}
    if formed.grown is not None:
        names = ("means", "scales", "opacities", "root", "shade")
        told |= {key: getattr(formed.grown, key) for key in names}
        told["quats"] = np.abs(formed.grown.quats)
    return told


def _strands() -> dict[str, object]:
    rng = np.random.default_rng(0)
    paths = np.cumsum(rng.uniform(0.05, 0.3, (3, 6, 3)), axis=1)
    radii = np.linspace(0.2, 0.01, 6) * np.array([[1.0], [0.5], [2.0]])
    root = np.array([4, 9, 2])
    tube = strands.tubes(paths, radii, root, around=5)
    hair = strands.hairs(paths, 0.1 * radii, root, radii)
    return {
        f"{kind} {name}": np.abs(getattr(made, name))
        for kind, made in (("tube", tube), ("hair", hair))
        for name in ("means", "quats", "scales", "opacities", "root", "shade")
    }


def _fields() -> dict[str, object]:
    rng = np.random.default_rng(0)
    points, values = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))
    g = ball(80, seed=7)
    by = 0.3 * np.sin(3 * g.means.astype(np.float64)) + 0.8 * g.means * (g.means[:, :1] > 0)
    moved = field.move(g, by)
    return {
        "carried": field.carried(points, values, rng.normal(size=(40, 3))),
        "smoothed": field.smoothed(points, values, 0.5, np.random.default_rng(2)),
        "move means": moved["means"],
        "move quats": np.abs(moved["quats"]),
        "move scales": moved["scales"],
    }


def _judge(images: torch.Tensor, cameras: list) -> tuple[torch.Tensor, dict[str, float]]:
    """Wants the pictures brighter to the left."""
    ramp = torch.linspace(1, 0, images.shape[-1])
    loss = (images - ramp).square().mean() * 30
    return loss, {"off": float(loss.detach())}


def _views(pixels: int = 40) -> list:
    return [wider(c, 1.4) for c in orbit(_object(), 5, (pixels, pixels), elevation_deg=15)]


def _deformed(**changes: object) -> dict[str, object]:
    shape = Shape(_object(), extent=1.0)
    context = ball(30, 2, 2, centre=(0.6, 0.5, 1.2), radius=0.7)
    settings = Settings(**{"steps": 9, "batch": 3, **changes})
    views, rng = _views(), np.random.default_rng(6)
    told = []
    report = deform(
        shape,
        views,
        _judge,
        settings,
        rng,
        context=context,
        on_progress=told.append,
    )
    parts = shape.look_parts()
    return {
        "losses": report.losses,
        "split": report.split,
        **{f"term {name}": values for name, values in report.terms.items()},
        **{f"target {name}": np.abs(array) for name, array in parts["target"].items()},
        **{
            name: np.abs(parts[name])
            for name in ("dc", "dc0", "sh", "means", "scales", "opacities", "parent")
        },
        "pictures": np.stack([told[0].images.numpy(), told[-1].images.numpy()]),
        "steps": [step.number for step in told],
        "of": [told[-1].total, told[-1].loss],
    }


def _together() -> dict[str, object]:
    shape = Shape(_object(), extent=1.0)
    rng = np.random.default_rng(0)
    for name in ("position", "scale", "rotation", "opacity", "colour"):
        weights = torch.from_numpy(rng.normal(size=tuple(shape.active(name).shape)).astype(np.float32))
        (shape._raw[name] * weights).sum().backward()
    Coherence(shape, 0.2)(shape)
    return dict(shape.gradients())


def _split_long() -> dict[str, object]:
    shape = Shape(_object())
    added = split_long(shape, 0.5, 700)
    parts = shape.look_parts()
    return {"added": [added], "parent": parts["parent"], "scales": parts["target"]["scales"]}


def _spilled() -> dict[str, object]:
    context = ball(40, 2, 2, centre=(0.9, 0.2, 0.9), radius=0.8)
    shape = Shape(_object(), extent=1.0)
    around = Surroundings(shape, _views(), context, 0.05)
    alone = Surroundings(shape, _views(), None, 0.05)
    with torch.no_grad():
        shape._raw["position"].mul_(1.5)
        grounds = torch.tensor([[0.1, 0.5, 0.9], [0.3, 0.3, 0.3]])
        losses = [float(each.loss(shape, [3, 1], grounds)) for each in (around, alone)]
    return {"losses": losses, "outside": around._outside.numpy(), "outside alone": alone._outside.numpy()}


CASES: dict[str, kept.Case] = {
    "surface": _outside,
    "surface of few": _outside_of_few,
    **{name: partial(_form, name, 1.0) for name in form.FORMS},
    "more spikes": partial(_form, "spikes", 1.7),
    **{f"bare {name}": partial(_bare, name) for name in form.FORMS},
    "strands": _strands,
    "fields": _fields,
    "deformed": _deformed,
    "deformed otherwise": partial(
        _deformed,
        background=(0.2, 0.4, 0.6),
        anchor=5.0,
        needle=30.0,
        coherence=0.2,
        densify=(0.3,),
        split_share=0.1,
    ),
    "coherence": _together,
    "long ones": _split_long,
    "spill": _spilled,
}


@pytest.mark.parametrize("name", CASES)
def test_a_shape_is_what_it_was(name: str) -> None:
    kept.check(KEPT, name, CASES[name])


if __name__ == "__main__":
    kept.write(KEPT, CASES)
