"""The backend's Python: find one, install one, what the session knows of it. No bpy: tests can drive it."""
