"""What judges a picture: CLIP models and perceptual networks, found on this machine and loaded from there."""

import ft2os.threads  # noqa: F401  # settles the thread pools, which counts only before torch is imported
