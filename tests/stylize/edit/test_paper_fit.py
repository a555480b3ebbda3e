"""The paper's fit: Adam brings the colours to the edits, repeats itself and stops."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from ft2os.stylize import prepare
from ft2os.stylize.edit.paper_fit import PaperSettings, paper
from ft2os.stylize.edit.views import EditViews
from tests.scenes import ball

SETTINGS = PaperSettings(steps=40, lpips=0.0)


def test_colours_come_to_the_edits_the_same_way_each_time():
    made = prepare.prepare(ball(300, 0, 3), views=4, pixels=48, max_split_scale=0.1, limit=600)
    views, start = EditViews.of(made), np.full((len(made), 3), 0.5, np.float32)
    edited = [views.on_grey(i, np.full_like(start, 0.8)) for i in range(len(views))]
    found = paper(views, edited, start, SETTINGS)
    assert np.abs(views.on_grey(0, found) - edited[0]).mean() < 0.02
    assert np.array_equal(found, paper(views, edited, start, SETTINGS))

    def stop(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paper(views, edited, start, SETTINGS, stop)
