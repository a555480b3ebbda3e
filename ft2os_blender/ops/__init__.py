"""The verbs: one file each. Everything that can go wrong is a report and a line in the panel."""

from __future__ import annotations

from . import (
    apply_transform,
    backend,
    cameras,
    editors,
    export,
    import_scene,
    looks,
    report,
    separate,
    stylize,
    views,
)

CLASSES = (
    *import_scene.CLASSES,
    *stylize.CLASSES,
    *editors.CLASSES,
    *views.CLASSES,
    *looks.CLASSES,
    *separate.CLASSES,
    *apply_transform.CLASSES,
    *cameras.CLASSES,
    *export.CLASSES,
    *backend.CLASSES,
    *report.CLASSES,
)
