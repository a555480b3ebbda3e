"""The method ``material``: ``about`` describes it, ``run`` does it."""
