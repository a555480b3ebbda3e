"""The gradient of projection and colour: from a splat's ten sums to the Gaussian's own parameters.

The chain is written by hand next to its forward pass, in float64. A Gaussian belongs to one thread, which
walks through the cameras, so nothing is shared and nothing is atomic.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ft2os.kernels import OPTIONS, njit, ready, run
from ft2os.tiles import sh
from ft2os.tiles.layout import (
    FX,
    FY,
    LIM_X0,
    LIM_X1,
    LIM_Y0,
    LIM_Y1,
    RED,
    SUM_1,
    SUM_RGBD,
    SUM_U,
    SUM_UU,
    SUM_UY,
    SUM_Y,
    SUM_YY,
    SUMS,
)  # fmt: skip
from ft2os.tiles.numeric import EPS2D
from ft2os.tiles.projection import Splats, axes, direction, screen_covariance, to_camera


@njit(**OPTIONS)
def _covariance_gradient(total, a0, b, d0, blur, opacity, antialiased):
    """∂L/∂(A, B, D) of the covariance without blur, ∂L/∂opacity, and ∂L/∂(x, y) of the screen centre."""
    a, d = a0 + blur, d0 + blur
    det = a * d - b * b
    coef_a, coef_s, coef_q = d / det, -b / d, 1.0 / d
    g_a, g_s, g_q = 0.5 * total[SUM_UU], coef_a * total[SUM_UY], 0.5 * total[SUM_YY]
    square = coef_a * coef_a
    gA = -square * g_a
    gB = -2.0 * square * coef_s * g_a - coef_q * g_s
    gD = -square * coef_s * coef_s * g_a - coef_s * coef_q * g_s - coef_q * coef_q * g_q
    # ∂L/∂(o·compensation) = Σ exp(−sigma)·∂L/∂alpha = −Σ ds / (o·compensation)
    kept = 1.0
    det0 = max(a0 * d0 - b * b, 0.0)
    if antialiased:
        kept = np.sqrt(det0 / det)
    g_opacity = 0.0
    if opacity * kept > 0.0:
        g_opacity = -total[SUM_1] / opacity
        if antialiased and det0 > 0.0:
            # compensation² = det0/det; o·∂L/∂o = kept·∂L/∂kept, hence half of it over kept²
            f = 0.5 * opacity * g_opacity / (kept * kept) / det
            gA += f * (d0 - kept * kept * d)
            gB += f * -2.0 * b * (1.0 - kept * kept)
            gD += f * (a0 - kept * kept * a)
    g_u, g_y = coef_a * total[SUM_U], coef_q * total[SUM_Y]
    return gA, gB, gD, g_opacity, -g_u, -coef_s * g_u - g_y


@njit(**OPTIONS)
def _camera_point_gradient(cam, x, y, z, gx2d, gy2d, g_depth, gJ):
    """∂L/∂(x, y, z) of the camera point from those of the screen centre, the depth and J·R [2, 3]."""
    tx, ty = x / z, y / z
    hx, hy = min(max(tx, cam[LIM_X0]), cam[LIM_X1]), min(max(ty, cam[LIM_Y0]), cam[LIM_Y1])
    gx, gy = gx2d * cam[FX] / z, gy2d * cam[FY] / z
    gz = g_depth - gx * tx - gy * ty
    g_hx, g_hy = 0.0, 0.0
    for i in range(3):
        gz -= cam[FX] / (z * z) * gJ[0, i] * (cam[i] - hx * cam[6 + i])
        gz -= cam[FY] / (z * z) * gJ[1, i] * (cam[3 + i] - hy * cam[6 + i])
        g_hx -= cam[FX] / z * gJ[0, i] * cam[6 + i]
        g_hy -= cam[FY] / z * gJ[1, i] * cam[6 + i]
    if cam[LIM_X0] <= tx <= cam[LIM_X1]:
        gx += g_hx / z
        gz -= g_hx * tx / z
    if cam[LIM_Y0] <= ty <= cam[LIM_Y1]:
        gy += g_hy / z
        gz -= g_hy * ty / z
    return gx, gy, gz


@njit(**OPTIONS)
def _axes_gradient(quat, scale, gM, R, g_quat, g_scale):
    """From ∂L/∂(R·diag(s)) to the quaternion (as given, any length) and the scales. ``R`` is scratch."""
    length = axes(quat, np.ones(3, np.float32), R)
    for j in range(3):
        total = 0.0
        for i in range(3):
            total += gM[i, j] * R[i, j]
            gM[i, j] *= scale[j]  # from here on ∂L/∂R
        g_scale[j] = total
    w, x, y, z = quat[0] / length, quat[1] / length, quat[2] / length, quat[3] / length
    s01, s02, s12 = gM[0, 1] + gM[1, 0], gM[0, 2] + gM[2, 0], gM[1, 2] + gM[2, 1]
    d10, d02, d21 = gM[1, 0] - gM[0, 1], gM[0, 2] - gM[2, 0], gM[2, 1] - gM[1, 2]
    gw = 2.0 * (x * d21 + y * d02 + z * d10)
    gx = 2.0 * (y * s01 + z * s02 + w * d21 - 2.0 * x * (gM[1, 1] + gM[2, 2]))
    gy = 2.0 * (x * s01 + z * s12 + w * d02 - 2.0 * y * (gM[0, 0] + gM[2, 2]))
    gz = 2.0 * (x * s02 + y * s12 + w * d10 - 2.0 * z * (gM[0, 0] + gM[1, 1]))
    radial = w * gw + x * gx + y * gy + z * gz
    g_quat[0], g_quat[1] = (gw - w * radial) / length, (gx - x * radial) / length
    g_quat[2], g_quat[3] = (gy - y * radial) / length, (gz - z * radial) / length


@njit(**OPTIONS)
def _colour_gradient(total, record, values, degree, cam, mean, work, Y, weights, g_values):
    """Adds to ``g_values`` [K, 3]; returns ∂L/∂mean through the direction of view."""
    if degree < 0:
        for ch in range(3):
            g_values[0, ch] += total[SUM_RGBD + ch]
        return 0.0, 0.0, 0.0
    x, y, z, distance = direction(cam, mean)
    sh.basis(x, y, z, degree, work, Y)
    for k in range((degree + 1) ** 2):
        weights[k] = 0.0
        for ch in range(3):
            if record[RED + ch] > 0:
                g_values[k, ch] += Y[k] * total[SUM_RGBD + ch]
                weights[k] += values[k, ch] * total[SUM_RGBD + ch]
    gx, gy, gz = sh.basis_gradient(degree, work, weights)
    radial = x * gx + y * gy + z * gz
    return (gx - x * radial) / distance, (gy - y * radial) / distance, (gz - z * radial) / distance


@njit(**OPTIONS)
def _project_backward(
    share, shares, means, quats, scales, opacities, colours, degree, cams, blur, antialiased, records, sums,
    slots, g_means, g_quats, g_scales, g_opacities, g_colours,
):  # fmt: skip
    n = len(means)
    M, R, gM = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    J, B, gJ, gB = np.empty((2, 3)), np.empty((2, 3)), np.empty((2, 3)), np.empty((2, 3))
    work, Y, weights = np.empty((6, sh.SIZE)), np.empty(sh.SIZE), np.empty(sh.SIZE)
    total = np.empty(SUMS)
    for i in range(share * n // shares, (share + 1) * n // shares):
        mx, my, mz, g_opacity = 0.0, 0.0, 0.0, 0.0
        gM[:] = 0.0
        axes(quats[i], scales[i], M)
        for c in range(len(cams)):
            cam, j = cams[c], c * n + i
            if slots[j] == slots[j + 1]:
                continue
            total[:] = 0.0
            for slot in range(slots[j], slots[j + 1]):
                for column in range(SUMS):
                    total[column] += sums[slot, column]
            x, y, z = to_camera(cam, means[i])
            a0, b, d0 = screen_covariance(cam, x, y, z, M, J, B)
            gA, g_b, gD, g_o, gx2d, gy2d = _covariance_gradient(
                total, a0, b, d0, blur, np.float64(opacities[i]), antialiased
            )
            g_opacity += g_o
            for k in range(3):
                gB[0, k] = 2.0 * gA * B[0, k] + g_b * B[1, k]
                gB[1, k] = 2.0 * gD * B[1, k] + g_b * B[0, k]
            for row in range(3):
                gJ[0, row] = gB[0, 0] * M[row, 0] + gB[0, 1] * M[row, 1] + gB[0, 2] * M[row, 2]
                gJ[1, row] = gB[1, 0] * M[row, 0] + gB[1, 1] * M[row, 1] + gB[1, 2] * M[row, 2]
                for k in range(3):
                    gM[row, k] += J[0, row] * gB[0, k] + J[1, row] * gB[1, k]
            gx, gy, gz = _camera_point_gradient(cam, x, y, z, gx2d, gy2d, total[SUM_RGBD + 3], gJ)
            own = min(c, len(colours) - 1)
            dx, dy, dz = _colour_gradient(
                total, records[j], colours[own, i], degree, cam, means[i], work, Y, weights, g_colours[own, i]
            )
            mx += cam[0] * gx + cam[3] * gy + cam[6] * gz + dx
            my += cam[1] * gx + cam[4] * gy + cam[7] * gz + dy
            mz += cam[2] * gx + cam[5] * gy + cam[8] * gz + dz
        g_means[i, 0], g_means[i, 1], g_means[i, 2] = mx, my, mz
        g_opacities[i] = g_opacity
        _axes_gradient(quats[i], scales[i], gM, R, g_quats[i], g_scales[i])


class Gradients(NamedTuple):
    """float32, shaped like the parameters; ``colours`` [1 or C, N, K, 3]."""

    means: np.ndarray
    quats: np.ndarray
    scales: np.ndarray
    opacities: np.ndarray
    colours: np.ndarray


def project_backward(
    means: np.ndarray,
    quats: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    colours: np.ndarray,
    degree: int,
    splats: Splats,
    sums: np.ndarray,
    slots: np.ndarray,
    *,
    antialiased: bool = False,
    eps2d: float = EPS2D,
) -> Gradients:
    """Gradients of all parameters from ``blend_backward``'s sums; the others as ``splat`` got them."""
    arrays = [ready(x) for x in (means, quats, scales, opacities, colours)]
    out = Gradients(*(np.zeros_like(x) for x in arrays))
    run(
        _project_backward, *arrays, degree, splats.cams, eps2d, antialiased, splats.records, sums, slots, *out
    )
    return out
