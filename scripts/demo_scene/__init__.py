"""Makes the demo scene that ships in ``demo/scene``: model and render in Blender, train, pack."""
