"""Formats that round: what comes back is within the format's own step, and a second time it is the same."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from ft2os.errors import FileError
from ft2os.formats import compressed_ply, load_scene, save_scene
from ft2os.gaussians import C0
from tests.scenes import ball


def rotations_differ(a: np.ndarray, b: np.ndarray) -> float:
    """Largest angle between two sets of rotations, radians; q and −q are the same."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    apart = np.minimum(np.linalg.norm(a - b, axis=1), np.linalg.norm(a + b, axis=1))
    return float(4 * np.arcsin(np.clip(apart / 2, 0, 1)).max())


def test_splat_keeps_place_and_size_to_the_bit_and_rounds_the_rest(tmp_path):
    g = ball(1000, degree=2, seed=4)
    save_scene(tmp_path / "a.splat", g)
    h = load_scene(tmp_path / "a.splat").gaussians
    assert (tmp_path / "a.splat").stat().st_size == 32 * 1000
    np.testing.assert_array_equal(h.means, g.means)
    np.testing.assert_array_equal(h.scales, g.scales)
    assert np.abs(h.base_colours - g.base_colours).max() <= 0.5 / 255 + 1e-6
    assert np.abs(h.opacities - g.opacities).max() <= 0.5 / 255 + 1e-6
    assert rotations_differ(h.quats, g.quats) < 0.025  # four bytes: 1/256 a component
    assert h.degree == 0
    assert h.source is None


def test_a_splat_of_another_tool_has_its_rotation_around_128(tmp_path):
    """Byte 128 is 0, as antimatter15's converter writes it."""
    row = struct.pack("<6f8B", 1, 2, 3, 0.1, 0.2, 0.3, 255, 128, 0, 51, 255, 128, 128, 128)
    (tmp_path / "a.splat").write_bytes(row)
    found = load_scene(tmp_path / "a.splat").gaussians
    np.testing.assert_allclose(found.quats, [[1, 0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(found.opacities, [0.2], atol=1e-6)
    np.testing.assert_allclose(0.5 + C0 * found.sh[0, 0], [1, 128 / 255, 0], atol=1e-6)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("n", [1, 256, 1000])
def test_compressed_ply_is_within_its_steps(tmp_path, degree, n):
    g = ball(n, degree=degree, seed=5, radius=3.0)
    save_scene(tmp_path / "a.compressed.ply", g)
    g = g.subset(compressed_ply.order(g.means))
    h = load_scene(tmp_path / "a.compressed.ply").gaussians
    step = np.array([2047, 1023, 2047])
    for start in range(0, n, compressed_ply.CHUNK):
        rows = slice(start, start + compressed_ply.CHUNK)
        for a, b in ((h.means, g.means), (np.log(h.scales), np.log(g.scales))):
            span = b[rows].max(axis=0) - b[rows].min(axis=0)
            assert (np.abs(a[rows] - b[rows]) <= 0.5001 * span / step + 2e-6).all()
        span = np.ptp(g.sh[rows, 0], axis=0)
        assert (np.abs(h.sh[rows, 0] - g.sh[rows, 0]) <= 0.5001 * span / 255 + 1e-5).all()
    assert np.abs(h.opacities - g.opacities).max() <= 0.5 / 255 + 1e-6
    assert rotations_differ(h.quats, g.quats) < 0.005
    assert h.sh.shape == g.sh.shape
    assert np.abs(h.sh[:, 1:] - g.sh[:, 1:]).max(initial=0) <= 0.5 * 8 / 256 + 1e-6


def test_a_compressed_ply_is_as_sharp_in_any_order(tmp_path):
    """An object of 1 m and a sky 1 km away, mixed as training leaves them."""
    g = ball(20_000, seed=5, radius=0.5)
    means = g.means.copy()
    means[::40] *= 2000
    g = g.replace(means=means).subset(np.random.default_rng(0).permutation(len(g)))
    save_scene(tmp_path / "a.compressed.ply", g)
    h = load_scene(tmp_path / "a.compressed.ply").gaussians
    apart = np.abs(h.means - g.means[compressed_ply.order(g.means)]).max(axis=1)
    assert np.quantile(apart, 0.9) < 0.0005


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4])
def test_spz_is_within_its_steps(tmp_path, degree):
    g = ball(500, degree=degree, seed=7, radius=3.0)
    save_scene(tmp_path / "a.spz", g)
    h = load_scene(tmp_path / "a.spz").gaussians
    assert np.abs(h.means - g.means).max() <= 1e-6  # 24 bits over the scene's own reach
    assert np.abs(np.log(h.scales) - np.log(g.scales)).max() <= 0.5 / 16 + 1e-5
    assert np.abs(h.opacities - g.opacities).max() <= 0.5 / 255 + 1e-6
    assert np.abs(h.sh[:, 0] - g.sh[:, 0]).max() <= 0.5 / (0.15 * 255) + 1e-5
    assert np.abs(h.sh[:, 1:] - g.sh[:, 1:]).max(initial=0) <= 0.5 / 128 + 1e-6
    assert rotations_differ(h.quats, g.quats) < 0.006


@pytest.mark.parametrize("version", ["raw", "v2", "v3", "v4"])
def test_spz_of_the_reference_encoder(data_dir, version):
    """Four unturned Gaussians on the corners of a square; v2 and raw have rotations in 8 bits."""
    if version == "v4":
        pytest.importorskip("zstandard")
    g = load_scene(data_dir / "scenes" / "minimal" / f"minimal-{version}.spz").gaussians
    corners = [[1, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(np.abs(g.means), corners, atol=1e-3)  # v3's z has the other sign
    np.testing.assert_allclose(g.scales, 0.1, rtol=0.02)
    np.testing.assert_allclose(g.opacities, 0.9, atol=0.003)
    assert rotations_differ(g.quats, np.tile([1.0, 0, 0, 0], (4, 1))) < 0.02
    red, green = g.base_colours[:, 0], g.base_colours[:, 1]
    assert red[1] > red[0] + 0.3
    assert green[2] > green[0] + 0.3


def test_a_promise_that_no_file_keeps_is_refused_before_memory_is_taken(tmp_path):
    header = struct.pack("<IIIBBBB", 0x5053474E, 3, 2**31, 3, 12, 0, 0)
    for data in (header, gzip.compress(header + bytes(1000))):
        (tmp_path / "a.spz").write_bytes(data)
        with pytest.raises(FileError, match="claims"):
            load_scene(tmp_path / "a.spz")


@pytest.mark.parametrize("name", ["a.splat", "a.compressed.ply", "a.spz"])
def test_a_second_round_changes_nothing_more(tmp_path, name):
    g = ball(700, degree=0 if "splat" in name else 3, seed=6)
    save_scene(tmp_path / name, g)
    once = load_scene(tmp_path / name).gaussians
    save_scene(tmp_path / f"again.{name}", once)
    twice = load_scene(tmp_path / f"again.{name}").gaussians
    np.testing.assert_allclose(twice.means, once.means, atol=1e-6)
    np.testing.assert_allclose(twice.sh, once.sh, atol=2e-6 / C0)
    np.testing.assert_allclose(twice.scales, once.scales, rtol=1e-5)
    np.testing.assert_array_equal(twice.opacities, once.opacities)


def test_the_biker_of_another_tool_is_read(data_dir):
    g = load_scene(data_dir / "scenes" / "biker.compressed.ply").gaussians
    assert len(g) == 152_746
    assert not g.invalid().any()
    assert 3.1 < np.ptp(g.means[:, 1]) < 3.3


@pytest.mark.parametrize("name", ["a.splat", "a.compressed.ply", "a.spz"])
def test_a_cut_file_is_refused(tmp_path, name):
    save_scene(tmp_path / name, ball(600, degree=0))
    whole = (tmp_path / name).read_bytes()
    for length in (0, 1, 31, 100, len(whole) - 7):
        (tmp_path / name).write_bytes(whole[:length])
        with pytest.raises(FileError):
            load_scene(tmp_path / name)


def test_a_compressed_ply_whose_chunks_do_not_suffice_is_refused(tmp_path):
    path = tmp_path / "a.compressed.ply"
    save_scene(path, ball(300))
    damaged = path.read_bytes().replace(b"element chunk 2", b"element chunk 1", 1)
    path.write_bytes(damaged)
    with pytest.raises(FileError, match="damaged"):
        load_scene(path)
