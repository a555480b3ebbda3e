"""What the worker keeps: the least recently used goes first, and the newest always stays."""

from __future__ import annotations

import numpy as np

from ft2os.worker.store import Cache


def test_what_was_asked_for_last_goes_last():
    cache = Cache(capacity=20)
    a, b, c = (np.full(10, i, np.uint8) for i in range(3))
    cache.add("a", a)
    cache.add("b", b)
    assert cache.get("a") is a
    cache.add("c", c)
    assert [cache.get(name) is not None for name in "abc"] == [True, False, True]
    assert cache.size == 20
    cache.drop("a")
    assert cache.size == 10


def test_the_newest_stays_however_large_it_is():
    cache = Cache(capacity=20)
    cache.add("small", np.zeros(5, np.uint8))
    cache.add("large", np.zeros(50, np.uint8))
    assert cache.get("small") is None
    assert cache.get("large") is not None
