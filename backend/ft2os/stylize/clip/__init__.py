"""The method ``clip``: an object's Gaussians move until CLIP sees the prompt in its pictures.

The presets ``draft``, ``standard`` and ``high`` run the fast method (``fast``): start from a material where
the words allow, judge batches of views and crops, move colours on linear views, then geometry where the
prompt asks for it. The preset ``paper`` runs the paper's loop (``paper``), the benchmarks' baseline.
``about`` describes the method, ``settings`` holds the numbers of both.
"""
