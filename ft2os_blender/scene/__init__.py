"""Gaussians as Blender data: point-cloud objects and their attributes, looks, parents, cameras, display."""
