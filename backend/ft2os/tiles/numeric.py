"""What the pixel kernels share: gsplat's cutoffs and a vectorizable exponential."""

from __future__ import annotations

from ft2os.kernels import OPTIONS, njit  # isort: skip  (it settles where numba caches before numba is imported)

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

EPS2D = 0.3  # pixels², added to the diagonal of every projected covariance
NEAR = 0.01
FAR = 1e10
ALPHA_MAX = np.float32(0.999)
ALPHA_MIN = np.float32(1.0 / 255.0)
T_MIN = np.float32(1e-4)  # a pixel stops before the Gaussian that would bring its transmittance to this

_LOG2E = np.float32(1.4426950408889634)
# 2^f on [-½, ½], minimax, relative error 4e-9
_E0, _E1, _E2, _E3 = np.float32(1.0), np.float32(0.69314718), np.float32(0.24022651), np.float32(0.05550411)
_E4, _E5, _E6 = np.float32(0.009618129), np.float32(0.0013333558), np.float32(0.00015403530)


@intrinsic
def _float_of_bits(context, bits):
    """The float32 with these 32 bits (``.view`` of a scalar goes through memory)."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), codegen


@njit(**OPTIONS)
def exp_minus(sigma: np.float32) -> np.float32:
    """exp(−sigma) for sigma ≥ 0, to 2e-7 relative.

    libm's expf is a call that keeps LLVM from vectorizing the pixel loop; this is straight arithmetic.
    """
    t = -min(sigma, np.float32(80.0)) * _LOG2E
    n = np.int32(t - np.float32(0.5))
    f = t - np.float32(n)
    p = _E5 + f * _E6
    p = _E4 + f * p
    p = _E3 + f * p
    p = _E2 + f * p
    p = _E1 + f * p
    p = _E0 + f * p
    bits = np.int32((n + np.int32(127)) << np.int32(23))
    return p * _float_of_bits(bits)  # pyright: ignore[reportCallIssue]  numba passes the context
