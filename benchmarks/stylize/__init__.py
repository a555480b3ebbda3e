"""The paper's loop against our presets: the same scene, object, prompt, judge and threads, in one process.

    python -m benchmarks.stylize [--json FILE] [--parts paper,presets,sizes,…] [--presets …]

The paper took 5020 steps of one view each: its loop is measured over ``--steps`` of them and extrapolated,
and so is the preset ``seed``, which is the paper's method in our batches; and so is CLIP High, unless
``--presets`` names it. All three are labelled. Every other preset is run whole. ``ratio`` is the paper loop's
time over that of CLIP Standard. Without real CLIP weights the judge is random: times mean the same, scores
mean nothing, and none is given.

On CUDA the same tables are made with gsplat. The goals there, 10 s for Standard of a 50 k object and a ratio
of 10 on an H200, are goals: nobody has run them yet.
"""
