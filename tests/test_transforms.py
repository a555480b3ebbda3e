"""A turned object must look like a turned camera: positions, covariances and view-dependent colour."""

from __future__ import annotations

import numpy as np
import pytest

from ft2os import sh, tiles, transforms
from ft2os.cameras.camera import Camera
from ft2os.errors import RequestError
from tests.scenes import ball


def rotation(seed: int) -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q * np.linalg.det(q)


def similarity(seed: int, scale: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = scale * rotation(seed)
    matrix[:3, 3] = [0.4, -0.7, 1.3]
    return matrix


def front(distance: float = 4.0) -> Camera:
    viewmat = np.eye(4, dtype=np.float32)
    viewmat[2, 3] = distance
    K = np.array([[60, 0, 32], [0, 60, 32], [0, 0, 1]], np.float32)
    return Camera(viewmat, K, 64, 64)


def picture(gaussians, camera: Camera) -> np.ndarray:
    drawn = tiles.render(
        gaussians,
        camera.viewmat[None],
        camera.K[None],
        camera.width,
        camera.height,
        background=(0.2, 0.3, 0.4),
    )
    return drawn.rgb[0]


@pytest.mark.parametrize("degree", range(5))
def test_a_turned_object_is_a_turned_camera(degree):
    gaussians = ball(150, degree, seed=degree)
    gaussians = gaussians.replace(
        sh=gaussians.sh + np.float32(0.2) * (np.arange(gaussians.sh.shape[1]) > 0)[None, :, None]
    )
    camera, matrix = front(), similarity(degree, 1.0)
    viewmat = (camera.viewmat.astype(np.float64) @ np.linalg.inv(matrix)).astype(np.float32)
    seen = picture(transforms.apply(gaussians, matrix), Camera(viewmat, camera.K, 64, 64))
    assert np.abs(seen - picture(gaussians, camera)).max() < 1e-4


def test_scaling_the_object_is_scaling_the_distance():
    gaussians, matrix = ball(150, 2), similarity(1, 2.5)
    camera = front()
    viewmat = camera.viewmat.astype(np.float64) @ np.linalg.inv(matrix)
    viewmat[:3] *= 2.5
    moved = Camera(viewmat.astype(np.float32), camera.K, 64, 64)
    assert (
        np.abs(picture(transforms.apply(gaussians, matrix), moved) - picture(gaussians, camera)).max() < 1e-4
    )


@pytest.mark.parametrize("degree", range(1, 5))
def test_band_rotation_turns_the_function_itself(degree):
    turn = rotation(degree)
    coefficients = np.random.default_rng(0).normal(size=(7, (degree + 1) ** 2, 3))
    directions = np.random.default_rng(1).normal(size=(50, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    before = np.einsum("dk,nkc->ndc", sh.basis(directions @ turn, degree), coefficients)
    after = np.einsum("dk,nkc->ndc", sh.basis(directions, degree), transforms.rotate_sh(coefficients, turn))
    np.testing.assert_allclose(after, before, atol=1e-12)


def test_numpy_basis_equals_the_kernels():
    directions = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    coefficients = np.random.default_rng(0).normal(size=(50, 25, 3)).astype(np.float32)
    expected = np.einsum("nk,nkc->nc", sh.basis(directions, 4), coefficients)
    np.testing.assert_allclose(tiles.sh.evaluate(coefficients, directions), expected, atol=1e-5)


def test_identity_changes_nothing():
    gaussians = ball(10)
    assert transforms.apply(gaussians, np.eye(4)) is gaussians


def test_the_rounding_of_many_parents_is_no_stretch():
    linear = np.eye(3)
    for turn in range(12):  # each a float32 matrix, as Blender multiplies them
        linear = (linear.astype(np.float32) @ (1.7 * rotation(turn)).astype(np.float32)).astype(np.float32)
    matrix = np.eye(4)
    matrix[:3, :3] = linear * [1, 1, 1 + 5e-4]
    _, scale, _ = transforms.decompose(matrix)
    assert scale == pytest.approx(1.7**12, rel=1e-3)


def test_quaternion_of_half_turns():
    for turn in (np.diag([1, -1, -1]), np.diag([-1, 1, -1]), np.diag([-1, -1, 1])):
        quat = transforms.quat_from_rotation(turn)
        np.testing.assert_allclose(np.abs(quat).max(), 1, atol=1e-12)
        assert np.abs(quat[1:]).argmax() == np.diag(turn).argmax()


@pytest.mark.parametrize(
    ("linear", "word"),
    [
        (np.diag([1, 1, 2]), "stretched"),
        (np.diag([1, 1, 1.01]), "stretched"),  # a hundredth already shows
        (np.array([[1, 0.3, 0], [0, 1, 0], [0, 0, 1]]), "sheared"),
        (np.diag([-1, 1, 1]), "mirrored"),
        (np.zeros((3, 3)), "zero"),
        (np.full((3, 3), np.nan), "finite"),
    ],
)
def test_what_has_no_exact_answer_is_refused(linear, word):
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    with pytest.raises(RequestError, match=word) as caught:
        transforms.apply(ball(5), matrix)
    assert caught.value.hint


def test_what_is_moved_only_keeps_all_other_bits():
    gaussians, matrix = ball(10, 2), np.eye(4)
    matrix[:3, 3] = [1, -2, 0.5]
    moved = transforms.apply(gaussians, matrix)
    np.testing.assert_array_equal(moved.means, gaussians.means + np.float32([1, -2, 0.5]))
    for name in ("quats", "scales", "opacities", "sh"):
        assert getattr(moved, name) is getattr(gaussians, name)


def test_a_quarter_turn_by_hand():
    """About z, doubled and moved: x goes to y, and a quaternion is multiplied from the left."""
    matrix = np.array([[0, -2, 0, 1], [2, 0, 0, 2], [0, 0, 2, 3], [0, 0, 0, 1]])
    gaussians = ball(1).replace(
        means=np.float32([[1, 0, 5]]), quats=np.float32([[1, 0, 0, 0]]), scales=np.float32([[0.1, 0.2, 0.3]])
    )
    turned = transforms.apply(gaussians, matrix.tolist())
    np.testing.assert_allclose(turned.means, [[1, 4, 13]], atol=1e-6)
    np.testing.assert_allclose(turned.quats, [[np.sqrt(0.5), 0, 0, np.sqrt(0.5)]], atol=1e-6)
    np.testing.assert_allclose(turned.scales, [[0.2, 0.4, 0.6]], atol=1e-6)
    assert {turned.means.dtype, turned.quats.dtype, turned.scales.dtype} == {np.dtype(np.float32)}
    turn, scale, place = transforms.decompose(matrix)
    np.testing.assert_allclose(turn, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12)
    assert scale == pytest.approx(2, abs=1e-12)
    assert place.tolist() == [1, 2, 3]


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, 0, 0.8), (0.48, -0.6, 0.64)])
@pytest.mark.parametrize("degrees", [10, 120, 179, -75])
def test_a_quaternion_and_its_matrix_are_one_turn(axis, degrees):
    """Rodrigues' formula: R = cos·I + sin·[k]× + (1 − cos)·k·kᵀ; q = (cos ½, sin ½ · k)."""
    k, angle = np.array(axis), np.radians(degrees)
    cross = np.array([[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]])
    matrix = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * np.outer(k, k)
    quat = np.array([np.cos(angle / 2), *(np.sin(angle / 2) * k)])
    np.testing.assert_allclose(transforms.rotation_matrices(quat[None]), matrix[None], atol=1e-12)
    np.testing.assert_allclose(transforms.quat_from_rotation(matrix), quat, atol=1e-12)  # w ≥ 0


@pytest.mark.parametrize("band", range(1, 5))
def test_a_turned_band_is_turned_exactly(band):
    matrix = transforms.band_rotation(rotation(band), band)
    assert matrix.shape == (2 * band + 1, 2 * band + 1)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(2 * band + 1), atol=1e-12)


@pytest.mark.parametrize(("stretch", "taken"), [(0.9e-3, True), (1.1e-3, False)])
def test_a_thousandth_is_the_most_that_axes_may_differ(stretch, taken):
    matrix = np.diag([3, 3, 3 * (1 + stretch), 1])
    if taken:
        assert transforms.decompose(matrix)[1] == pytest.approx(3, rel=1e-3)
    else:
        with pytest.raises(RequestError, match="stretched"):
            transforms.decompose(matrix)
