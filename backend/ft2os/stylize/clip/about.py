"""The method ``clip`` described: see `ft2os.stylize.about`. Its settings are in ``settings``."""

from __future__ import annotations

from ft2os.stylize.about import Method, Needs, Preset, Takes, draft, high, standard
from ft2os.stylize.clip.settings import PaperSettings, Settings

_NEEDS = Needs(modules=("torch", "open_clip"), weights=("CLIP",))
CLIP = Method(
    name="clip",
    title="CLIP",
    line="Optimise the look against a vision-language model: minutes, needs its weights",
    number=1,
    takes=Takes(words="needed", picture="optional", cameras=True),
    resumes=True,
    prompt_hint="whatever it should look like",
    presets=(
        draft(
            seconds=4,
            settings=Settings(
                batch=4,
                steps=2,
                candidates=1,
                views=0,
                direction=0.0,  # it takes as long as the step itself and tells little after two steps
                surface_views=12,
                surface_pixels=176,
                limit=40_000,
                refit=0,
                iterations=14,
                geometry_steps=12,
            ),
            needs=_NEEDS,
        ),
        standard(
            doc="The quality that the method was tuned for",
            seconds=48,
            settings=Settings(),
            needs=_NEEDS,
        ),
        high(
            doc="More views, more steps, finer Gaussians",
            seconds=205,
            settings=Settings(steps=150, views=24, rate=0.006, limit=72_000, refit=48, geometry_steps=160),
            needs=_NEEDS,
        ),
        Preset(
            "paper",
            "Paper",
            "The published settings, for comparison",
            number=2,
            seconds=1500,
            settings=PaperSettings(),
            needs=_NEEDS,
            formerly="seed",
        ),
    ),
)
