"""The figures of a run: every list is of the same steps, whichever terms were asked when."""

from __future__ import annotations

from ft2os.stylize.history import History


def test_a_term_that_is_asked_now_and_then_keeps_step_with_the_others():
    history = History()
    history.add(1.0, {"nce": 0.5, "spill": 4.0})
    history.add(2.0, {"nce": 0.25})
    history.add(3.0, {"nce": 0.125, "spill": 8.0, "anchor": 7.0})
    assert history.losses == [1.0, 2.0, 3.0]
    assert history.terms == {
        "nce": [0.5, 0.25, 0.125],
        "spill": [4.0, 4.0, 8.0],
        "anchor": [7.0, 7.0, 7.0],
    }
    assert history.ends() == {"steps": 3, "loss_first": 1.0, "loss_last": 3.0}
    assert History().ends() == {"steps": 0, "loss_first": None, "loss_last": None}


def test_a_run_that_goes_on_adds_to_copies_of_what_it_was_given():
    history, losses, terms = History(), [1.0], {"nce": [0.5]}
    history.restore(losses, terms)
    history.add(2.0, {"nce": 0.25})
    copied = history.copied()
    history.add(3.0, {"nce": 0.125})
    assert (losses, terms) == ([1.0], {"nce": [0.5]})
    assert copied == {"losses": [1.0, 2.0], "terms": {"nce": [0.5, 0.25]}}
