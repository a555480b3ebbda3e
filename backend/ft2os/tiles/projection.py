"""Gaussians to the screen: EWA projection, colour, exact extent, for a batch of cameras.

Everything per Gaussian is computed in float64 (it is a few per cent of a frame), so that what the pixel loop
receives in float32 is as good as float32 allows. The semantics are gsplat 1.5.3's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ft2os.kernels import CAREFUL, njit, ready, run
from ft2os.tiles import sh
from ft2os.tiles.layout import (
    CAMERA,
    COEF_A,
    COEF_Q,
    COEF_S,
    CX,
    CY,
    DEPTH,
    EYE,
    FX,
    FY,
    LIM_X0,
    LIM_X1,
    LIM_Y0,
    LIM_Y1,
    NEAR_Z,
    OPACITY,
    PLAIN,
    REACH_Y,
    RECORD,
    RED,
    SIGMA_MAX,
    TILE,
    TWO_OVER_A,
)  # fmt: skip
from ft2os.tiles.numeric import EPS2D, FAR, NEAR

_LARGEST = 1e16  # pixels² of variance; a splat of 10⁸ pixels is a diverged one


def pack_cameras(viewmats: np.ndarray, Ks: np.ndarray, width: int, height: int, near: float) -> np.ndarray:
    """One float64 row [24] a camera, with gsplat's limits on the tangents inside the Jacobian."""
    viewmats = np.asarray(viewmats, np.float64)
    Ks = np.asarray(Ks, np.float64)
    fx, fy, cx, cy = Ks[:, 0, 0], Ks[:, 1, 1], Ks[:, 0, 2], Ks[:, 1, 2]
    R, t = viewmats[:, :3, :3], viewmats[:, :3, 3]
    cams = np.empty((len(viewmats), CAMERA))
    cams[:, 0:9] = R.reshape(-1, 9)
    cams[:, 9:12] = t
    cams[:, FX], cams[:, FY], cams[:, CX], cams[:, CY] = fx, fy, cx, cy
    slack_x, slack_y = 0.3 * 0.5 * width / fx, 0.3 * 0.5 * height / fy
    cams[:, LIM_X0], cams[:, LIM_X1] = -(cx / fx + slack_x), (width - cx) / fx + slack_x
    cams[:, LIM_Y0], cams[:, LIM_Y1] = -(cy / fy + slack_y), (height - cy) / fy + slack_y
    cams[:, EYE : EYE + 3] = np.linalg.inv(viewmats)[:, :3, 3]
    cams[:, NEAR_Z] = near
    return cams


@njit(**CAREFUL)
def axes(quat, scale, M):
    """The Gaussian's own axes times its scales, R·diag(s), into ``M`` [3, 3]; returns |quat|."""
    w, x, y, z = np.float64(quat[0]), np.float64(quat[1]), np.float64(quat[2]), np.float64(quat[3])
    length = max(np.sqrt(w * w + x * x + y * y + z * z), 1e-12)
    w, x, y, z = w / length, x / length, y / length, z / length
    M[0, 0], M[0, 1], M[0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)
    M[1, 0], M[1, 1], M[1, 2] = 2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)
    M[2, 0], M[2, 1], M[2, 2] = 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)
    for j in range(3):
        for i in range(3):
            M[i, j] *= scale[j]
    return length


@njit(**CAREFUL)
def to_camera(cam, mean):
    """Camera coordinates of a point."""
    x, y, z = np.float64(mean[0]), np.float64(mean[1]), np.float64(mean[2])
    return (
        cam[0] * x + cam[1] * y + cam[2] * z + cam[9],
        cam[3] * x + cam[4] * y + cam[5] * z + cam[10],
        cam[6] * x + cam[7] * y + cam[8] * z + cam[11],
    )


@njit(**CAREFUL)
def screen_covariance(cam, x, y, z, M, J, B):
    """J·R into ``J`` [2, 3], J·R·M into ``B`` [2, 3]; returns the covariance B·Bᵀ (without blur)."""
    hx = min(max(x / z, cam[LIM_X0]), cam[LIM_X1])
    hy = min(max(y / z, cam[LIM_Y0]), cam[LIM_Y1])
    for i in range(3):
        J[0, i] = cam[FX] / z * (cam[i] - hx * cam[6 + i])
        J[1, i] = cam[FY] / z * (cam[3 + i] - hy * cam[6 + i])
    for j in range(3):
        for r in range(2):
            B[r, j] = J[r, 0] * M[0, j] + J[r, 1] * M[1, j] + J[r, 2] * M[2, j]
    return (
        B[0, 0] * B[0, 0] + B[0, 1] * B[0, 1] + B[0, 2] * B[0, 2],
        B[0, 0] * B[1, 0] + B[0, 1] * B[1, 1] + B[0, 2] * B[1, 2],
        B[1, 0] * B[1, 0] + B[1, 1] * B[1, 1] + B[1, 2] * B[1, 2],
    )


@njit(**CAREFUL)
def direction(cam, mean):
    """Unit vector from the eye to the Gaussian, and the distance."""
    x, y, z = mean[0] - cam[EYE], mean[1] - cam[EYE + 1], mean[2] - cam[EYE + 2]
    length = max(np.sqrt(x * x + y * y + z * z), 1e-12)
    return x / length, y / length, z / length, length


@njit(**CAREFUL)
def _project_one(
    mean, quat, scale, opacity, cam, width, height, blur, antialiased, M, J, B, centre, record, box
):
    """Fills one splat's ``centre``, ``record``, ``box``; False, and an empty box, where it is culled."""
    box[:] = 0
    x, y, z = to_camera(cam, mean)
    if not (z >= cam[NEAR_Z] and z <= FAR):
        return False
    axes(quat, scale, M)
    a0, b, d0 = screen_covariance(cam, x, y, z, M, J, B)
    a, d = a0 + blur, d0 + blur
    det = a * d - b * b
    # NaN fails every comparison, and what passes these stays within int64 in the pixel loops
    if not (det > 0.0 and a < _LARGEST and d < _LARGEST):
        return False
    o = np.float64(opacity)
    if antialiased:
        o *= np.sqrt(max(0.0, a0 * d0 - b * b) / det)
    if not (o * 255.0 >= 1.0 and o < _LARGEST):
        return False
    sigma_max = np.log(o * 255.0)
    reach_x, reach_y = np.sqrt(2.0 * sigma_max * a), np.sqrt(2.0 * sigma_max * d)
    centre[0], centre[1] = cam[FX] * x / z + cam[CX], cam[FY] * y / z + cam[CY]
    if not (abs(centre[0]) < _LARGEST and abs(centre[1]) < _LARGEST):
        return False
    # the pixels whose centres the extent covers, then the tiles that hold them
    x0, x1 = np.ceil(centre[0] - reach_x - 0.5), np.floor(centre[0] + reach_x - 0.5)
    y0, y1 = np.ceil(centre[1] - reach_y - 0.5), np.floor(centre[1] + reach_y - 0.5)
    x0, x1, y0, y1 = max(x0, 0.0), min(x1, width - 1.0), max(y0, 0.0), min(y1, height - 1.0)
    if not (x0 <= x1 and y0 <= y1):
        return False
    box[0], box[1] = np.int32(x0) // TILE, np.int32(y0) // TILE
    box[2], box[3] = np.int32(x1) // TILE + 1, np.int32(y1) // TILE + 1
    record[COEF_A], record[COEF_S], record[COEF_Q] = d / det, -b / d, 1.0 / d
    record[OPACITY], record[SIGMA_MAX], record[REACH_Y] = o, sigma_max, reach_y
    record[TWO_OVER_A] = 2.0 * det / d
    record[DEPTH] = z
    return True


@njit(**CAREFUL)
def _project(
    share, shares, means, quats, scales, opacities, colours, degree, cams, width, height, blur, antialiased,
    centres, records, boxes,
):  # fmt: skip
    n = len(means)
    M, J, B = np.empty((3, 3)), np.empty((2, 3)), np.empty((2, 3))
    work, Y = np.empty((6, sh.SIZE)), np.empty(sh.SIZE)
    for i in range(share * n // shares, (share + 1) * n // shares):
        for c in range(len(cams)):
            cam, j = cams[c], c * n + i
            record = records[j]
            if not _project_one(
                means[i], quats[i], scales[i], opacities[i], cam, width, height, blur, antialiased,
                M, J, B, centres[j], record, boxes[j],
            ):  # fmt: skip
                continue
            values = colours[min(c, len(colours) - 1), i]
            if degree < 0:
                for ch in range(3):
                    record[RED + ch] = values[0, ch]
                continue
            x, y, z, _ = direction(cam, means[i])
            sh.basis(x, y, z, degree, work, Y)
            for ch in range(3):
                total = 0.5
                for k in range((degree + 1) ** 2):
                    total += Y[k] * values[k, ch]
                record[RED + ch] = max(total, 0.0)


@dataclass(frozen=True)
class Splats:
    """C·N splats, camera-major, as the pixel kernels read them.

    Parameters
    ----------
    centres : ndarray, float64, [C*N, 2]
        Pixels. float64 because float32 at 1000 pixels is off by enough to show in the picture.
    records : ndarray, float32, [C*N, 12]
        a, s, q, opacity, largest sigma, vertical reach, 2/a, red, green, blue, depth, unused.
    boxes : ndarray, int32, [C*N, 4]
        Tiles x0, y0, x1, y1, end exclusive; empty where the Gaussian is not seen.
    cams : ndarray, float64, [C, 24]
    """

    centres: np.ndarray
    records: np.ndarray
    boxes: np.ndarray
    cams: np.ndarray
    width: int
    height: int

    @property
    def count(self) -> int:
        """N."""
        return len(self.records) // max(1, len(self.cams))


def splat(
    means: np.ndarray,
    quats: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    colours: np.ndarray,
    degree: int,
    viewmats: np.ndarray,
    Ks: np.ndarray,
    width: int,
    height: int,
    *,
    antialiased: bool = False,
    near: float = NEAR,
    eps2d: float = EPS2D,
) -> Splats:
    """Project for a batch of cameras.

    Parameters
    ----------
    colours : ndarray, float32, [1 or C, N, K, 3]
        Spherical harmonics, or with ``degree`` −1 the colours themselves (K = 1).
    degree : int
        Bands to use, −1 for plain colours.
    """
    n, cams = len(means), pack_cameras(viewmats, Ks, width, height, near)
    splats = Splats(
        centres=np.empty((len(cams) * n, 2)),
        records=np.empty((len(cams) * n, RECORD), np.float32),
        boxes=np.empty((len(cams) * n, 4), np.int32),
        cams=cams,
        width=width,
        height=height,
    )
    run(
        _project, ready(means), ready(quats), ready(scales), ready(opacities), ready(colours), degree, cams,
        width, height, eps2d, antialiased, splats.centres, splats.records, splats.boxes,
    )  # fmt: skip
    return splats


@dataclass(frozen=True)
class Projected:
    """N Gaussians as one camera sees them; rows with ``radii`` 0 are not seen and hold zeros.

    Parameters
    ----------
    means2d : ndarray, float32, [N, 2]
        Pixels; pixel (0, 0) has its centre at (0.5, 0.5).
    conics : ndarray, float32, [N, 3]
        Inverse covariance: xx, xy, yy.
    radii : ndarray, int32, [N, 2]
        Half extent of alpha ≥ 1/255, rounded up.
    depths : ndarray, float32, [N]
        Camera z.
    opacities : ndarray, float32, [N]
        With the antialiasing compensation applied, if asked for.
    """

    means2d: np.ndarray
    conics: np.ndarray
    radii: np.ndarray
    depths: np.ndarray
    opacities: np.ndarray


def project(
    means: np.ndarray,
    quats: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    viewmat: np.ndarray,
    K: np.ndarray,
    width: int,
    height: int,
    *,
    antialiased: bool = False,
    near: float = NEAR,
    eps2d: float = EPS2D,
) -> Projected:
    """Project [N] Gaussians for one camera, ``viewmat`` [4, 4] and ``K`` [3, 3] (Zwicker et al. 2001)."""
    n = len(means)
    splats = splat(
        means, quats, scales, opacities, np.zeros((1, n, 1, 3), np.float32), PLAIN, viewmat[None], K[None],
        width, height, antialiased=antialiased, near=near, eps2d=eps2d,
    )  # fmt: skip
    seen = splats.boxes[:, 2] > splats.boxes[:, 0]
    record = np.where(seen[:, None], splats.records, np.float32(0))
    a, s, q = record[:, COEF_A], record[:, COEF_S], record[:, COEF_Q]
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.stack([(a * s * s + q) / (a * q), 1.0 / q], axis=1)
        radii = np.ceil(np.sqrt(2.0 * record[:, SIGMA_MAX, None] * variance))
    return Projected(
        means2d=np.where(seen[:, None], splats.centres, 0.0).astype(np.float32),
        conics=np.stack([a, a * s, a * s * s + q], axis=1),
        radii=np.where(seen[:, None], radii, 0.0).astype(np.int32),
        depths=record[:, DEPTH],
        opacities=record[:, OPACITY],
    )
