"""The render engine, and merging with meshes."""

CLASSES = ()
