"""What the user sees: the N-panel and its subpanels, the list of looks, menus, the Preferences' layout."""

from __future__ import annotations

from . import cameras, lists, menus, panels, preferences, render, thumbnail

CLASSES = (
    *preferences.CLASSES,
    *lists.CLASSES,
    *panels.CLASSES,
    *cameras.CLASSES,
    *render.CLASSES,
)


def attach() -> None:
    """Called when the extension is enabled."""
    menus.attach()
    thumbnail.attach()


def detach() -> None:
    """Called when it is disabled."""
    menus.detach()
    thumbnail.detach()
