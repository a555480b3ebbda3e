"""The render engine: ``gather`` reads the scene, ``request`` asks the backend, ``colour`` makes it linear."""

from . import engine

CLASSES = engine.CLASSES
