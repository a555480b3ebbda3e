"""Exchanged Gaussians keep every bit, and a damaged file is refused."""

from __future__ import annotations

import numpy as np
import pytest

from ft2os import exchange
from ft2os.errors import FileError
from tests.scenes import ball, two_groups


@pytest.mark.parametrize("degree", range(5))
def test_what_is_written_is_read_bit_for_bit(tmp_path, degree):
    gaussians = two_groups(degree=degree)
    gaussians = gaussians.replace(row=np.arange(len(gaussians), dtype=np.int32))
    back = exchange.read(exchange.write(tmp_path / "a.npy", gaussians))
    for name in ("means", "quats", "scales", "opacities", "sh", "group", "row"):
        array = getattr(back, name)
        assert array.tobytes() == getattr(gaussians, name).tobytes(), name
        assert array.flags.c_contiguous
    assert exchange.digest(back) == exchange.digest(gaussians)


def test_absent_columns_stay_absent_and_nothing_is_left_over(tmp_path):
    back = exchange.read(exchange.write(tmp_path / "a.npy", ball(5)))
    assert back.group is None
    assert back.row is None
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_no_gaussians_pass_too(tmp_path):
    nothing = ball(5).subset(np.zeros(5, bool))
    assert len(exchange.read(exchange.write(tmp_path / "a.npy", nothing))) == 0


def test_digest_follows_the_content():
    gaussians = ball(5)
    changed = gaussians.replace(opacities=np.nextafter(gaussians.opacities, 1, dtype=np.float32))
    assert exchange.digest(gaussians) == exchange.digest(ball(5))
    assert exchange.digest(gaussians) != exchange.digest(changed)
    assert exchange.digest(gaussians) != exchange.digest(gaussians.replace(group=np.zeros(5, np.int32)))


def test_damage_is_an_error_in_words(tmp_path):
    path = exchange.write(tmp_path / "a.npy", ball(50))
    whole = path.read_bytes()
    objects = tmp_path / "objects.npy"
    np.save(objects, np.array([{}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "plain.npy", np.zeros(3))
    (tmp_path / "short.npy").write_bytes(whole[:-20])
    (tmp_path / "text.npy").write_text("hello")
    (tmp_path / "empty.npy").write_bytes(b"")
    for name in ("objects.npy", "plain.npy", "short.npy", "text.npy", "empty.npy", "absent.npy"):
        with pytest.raises(FileError) as caught:
            exchange.read(tmp_path / name)
        assert name in caught.value.message


def test_a_place_that_cannot_be_written_is_an_error_in_words(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="Cannot write"):
        exchange.write(tmp_path / "file" / "a.npy", ball(3))
