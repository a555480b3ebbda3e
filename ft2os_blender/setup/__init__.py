"""Finding and installing the backend's Python: plain objects, no bpy, so that tests can drive them."""
