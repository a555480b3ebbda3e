"""The Gaussians type itself: shapes that disagree, values that are no numbers, parts put together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ft2os import activations, sh
from ft2os.errors import RequestError
from ft2os.gaussians import (
    LARGEST,
    NEEDLE_ASPECT,
    Gaussians,
    Source,
    all_usable,
    concatenate,
    dc_of,
    with_degree,
)
from tests.scenes import ball

FIELDS = ("means", "quats", "scales", "opacities", "sh")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("means", (5, 2)),
        ("quats", (5, 3)),
        ("quats", (4, 4)),
        ("scales", (4, 3)),
        ("opacities", (5, 1)),
        ("opacities", (4,)),
        ("sh", (4, 4, 3)),
        ("sh", (5, 3, 3)),
        ("sh", (5, 4, 4)),
        ("sh", (5, 36, 3)),
        ("sh", (5, 4)),
        ("group", (4,)),
        ("identity", (6, 16)),
        ("row", (4,)),
    ],
)
def test_shapes_that_disagree_are_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=name):
        ball(5, 1).replace(**{name: np.zeros(shape, np.float32)})


@pytest.mark.parametrize("degree", range(5))
def test_every_degree_has_its_bands(degree: int) -> None:
    made = Gaussians.unfilled(3, degree)
    assert made.degree == degree
    assert made.sh.shape == (3, [1, 4, 9, 16, 25][degree], 3)
    assert {getattr(made, name).dtype for name in FIELDS} == {np.dtype(np.float32)}
    assert len(made) == 3


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1.9e19, -3e19])
@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("row", [0, 6])
def test_a_value_that_is_no_number_is_found_wherever_it_stands(name: str, row: int, value: float) -> None:
    made = ball(7, 2)
    values = getattr(made, name).copy()
    values[row].reshape(-1)[-1:] = value
    if values.ndim == 1:
        values[row] = value
    assert made.replace(**{name: values}).invalid().tolist() == [i == row for i in range(7)]


def test_what_is_large_but_can_be_squared_is_valid_and_no_rotation_is_not() -> None:
    made = ball(7, 2)
    assert not made.replace(means=np.full((7, 3), 1.7e19, np.float32)).invalid().any()
    quats = made.quats.copy()
    quats[3] = 0
    assert made.replace(quats=quats).invalid().tolist() == [i == 3 for i in range(7)]
    largest = float(np.finfo(np.float32).max)
    assert LARGEST**2 < largest < (1.1 * LARGEST) ** 2


def test_arrays_that_are_not_contiguous_are_looked_at_too() -> None:
    values = np.ones((6, 4), np.float32)
    assert all_usable(values[::2, ::2])
    values[4, 2] = np.nan
    assert not all_usable(values[::2, ::2])
    assert all_usable(values[1::2])
    assert all_usable(np.full(50, 1e25))  # a wider type may be so large
    assert all_usable(np.zeros((0, 3), np.float32))


def test_colours_are_half_and_c0() -> None:
    made = ball(4, 1)
    expected = 0.5 + made.sh[:, 0].astype(np.float64) / (2 * math.sqrt(math.pi))
    np.testing.assert_allclose(made.base_colours, expected, atol=1e-6)
    np.testing.assert_allclose(dc_of(made.base_colours), made.sh[:, 0], atol=1e-6)
    assert dc_of(0.5) == 0


def test_bands_are_cut_or_filled_with_zeros() -> None:
    bands = np.arange(2 * 9 * 3, dtype=np.float32).reshape(2, 9, 3)
    np.testing.assert_array_equal(with_degree(bands, 1), bands[:, :4])
    np.testing.assert_array_equal(with_degree(bands, 2), bands)
    wider = with_degree(bands, 3)
    assert (wider.shape, wider.dtype) == ((2, 16, 3), np.float32)
    np.testing.assert_array_equal(wider[:, :9], bands)
    assert not wider[:, 9:].any()


def test_a_subset_takes_all_that_a_row_has() -> None:
    made = ball(6, 1).replace(
        group=np.arange(6, dtype=np.int32), row=np.arange(6, dtype=np.int32) + 10, identity=np.eye(6, 16)
    )
    part = made.subset([4, 1])
    for name in (*FIELDS, "group", "row", "identity"):
        np.testing.assert_array_equal(getattr(part, name), getattr(made, name)[[4, 1]])
    assert ball(6).subset(np.arange(6) > 3).group is None


def test_parts_are_put_together_in_order_at_the_highest_degree() -> None:
    one, other = ball(3, 2), ball(2, 0, seed=1)
    both = concatenate([other, one])
    assert both.degree == 2
    for name in ("means", "quats", "scales", "opacities"):
        np.testing.assert_array_equal(
            getattr(both, name), np.concatenate([getattr(other, name), getattr(one, name)])
        )
    np.testing.assert_array_equal(both.sh[2:], one.sh)
    np.testing.assert_array_equal(both.sh[:2, :1], other.sh)
    assert not both.sh[:2, 1:].any()
    assert (both.group, both.row, both.identity, both.source) == (None, None, None, None)
    with pytest.raises(RequestError, match="nothing"):
        concatenate([])


def test_what_only_some_parts_have() -> None:
    file, another = (Source(np.zeros(3, [("x", "<f4")]), name) for name in "ab")
    ids = np.array([5, 6, 7], np.int32)
    one = ball(3).replace(group=ids, row=ids - 5, source=file, identity=np.ones((3, 16), np.float32))
    both = concatenate([ball(2), one])
    assert both.group.tolist() == [-1, -1, 5, 6, 7]
    assert both.row.tolist() == [-1, -1, 0, 1, 2]
    assert both.source is file
    assert both.identity is None
    assert concatenate([one, one]).identity.shape == (6, 16)
    assert concatenate([one, one]).source is file
    mixed = concatenate([one, one.replace(source=another)])
    assert (mixed.source, mixed.row) == (None, None)
    assert mixed.group.tolist() == [5, 6, 7, 5, 6, 7]


def test_a_source_knows_its_columns_and_its_groups() -> None:
    source = Source(np.zeros(3, [("x", "<f4"), ("flag", "u1")]), "hash", comments=("made by hand",))
    assert source.names == ("x", "flag")
    grouped = source.with_group(np.arange(3))
    assert grouped.group.tolist() == [0, 1, 2]
    assert (grouped.sha256, grouped.comments, source.group) == ("hash", ("made by hand",), None)
    assert Source(np.zeros(3), "hash").names == ()


def test_a_needle_is_ten_times_longer_than_wide() -> None:
    assert NEEDLE_ASPECT == 10.0  # what the report of `ft2os evaluate` counts as one


@pytest.mark.parametrize("degree", [-1, 5])
def test_there_are_no_other_harmonics(degree: int) -> None:
    with pytest.raises(ValueError, match="0 to 4"):
        sh.basis(np.array([[0.0, 0.0, 1.0]]), degree)


def test_harmonics_are_orthonormal() -> None:
    """∫ Y_i·Y_j over the sphere is δ_ij: by Gauss and Legendre in z and 16 even steps around, exact."""
    z, weight = np.polynomial.legendre.leggauss(8)
    angle = np.arange(16) * (2 * np.pi / 16)
    zz, aa = np.meshgrid(z, angle, indexing="ij")
    ring = np.sqrt(1 - zz**2)
    places = np.stack([ring * np.cos(aa), ring * np.sin(aa), zz], axis=-1).reshape(-1, 3)
    Y = sh.basis(places, 4)
    gram = np.einsum("m,mi,mj->ij", np.repeat(weight, 16) * (2 * np.pi / 16), Y, Y)
    np.testing.assert_allclose(gram, np.eye(25), atol=1e-7)


def test_opacities_and_logits() -> None:
    assert activations.sigmoid(np.float32([0, np.log(3)])).tolist() == pytest.approx([0.5, 0.75])
    assert activations.logit(np.array([0.5, 0.75])).tolist() == pytest.approx([0, np.log(3)])
    ends = activations.logit(np.array([0.0, 1.0]))
    np.testing.assert_allclose(ends, [-np.log(999_999), np.log(999_999)], rtol=1e-9)
    np.testing.assert_allclose(activations.logit(np.array([0.0, 1.0]), 0.25), [-np.log(3), np.log(3)])
    assert activations.logit(np.float32([0.2])).dtype == np.float32
