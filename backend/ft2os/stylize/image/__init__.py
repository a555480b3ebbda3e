"""The method ``image``: ``about`` describes it, ``run`` does it, ``paint`` lays the picture's paints on."""
