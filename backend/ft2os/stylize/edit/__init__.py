"""The method ``edit``: an image editor changes the views of an object, and its Gaussians follow."""
