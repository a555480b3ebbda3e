"""Fits of edited views against an editor whose right answer is known: the paper's, the plain solve, ours.

    python -m benchmarks.edit [--scene PLY --group G --material M --level L --seed S] [--json FILE]
    python -m benchmarks.edit --registration

The right answer is a material on the object's surface, or an outside program's filter on its picture. What
the editors hand back is that, spoilt as diffusion editors spoil it (`benchmarks.edit.oracle`) or in ways of
another family (`benchmarks.edit.filters`). The fit sees the pictures alone; the score is of views that were
never edited. Rows of one block had equally many edits in equally many rounds.
"""
