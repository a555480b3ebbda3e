"""The render engine: ``gather`` reads the scene, ``request`` asks the backend, ``colour`` makes it linear.

``engine`` does that for F12 and waits; ``latest`` does it for a view and does not, and ``viewport`` shows it.
"""

from . import engine

CLASSES = engine.CLASSES
