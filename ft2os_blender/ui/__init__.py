"""What the user sees: the N-panel and its subpanels, the list of looks, menus, the Preferences' layout."""

from __future__ import annotations

from . import lists, menus, panels

CLASSES = (*lists.CLASSES, *panels.CLASSES)

attach = menus.attach
detach = menus.detach
