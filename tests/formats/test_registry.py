"""A format is one module and one line: whatever offers, finds, reads or writes files asks its description."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import numpy as np
import pytest

from ft2os import cli, formats
from ft2os.errors import RequestError
from ft2os.formats import load_scene, registry, save_scene
from ft2os.formats.format import Format, begins_with
from ft2os.gaussians import Gaussians
from tests.formats.test_every_format import PSNR
from tests.scenes import ball, two_groups, write_ply

README = Path(__file__).resolve().parents[2] / "README.md"


def _read_positions(path: Path, beat) -> Gaussians:
    """Toy files hold a mark and means; a folder has them in ``points.bin``."""
    means = np.frombuffer(path.read_bytes()[4:], np.float32).reshape(-1, 3)
    return ball(len(means), degree=0).replace(means=means)


def _write_positions(path: Path, gaussians: Gaussians) -> None:
    path.write_bytes(b"TOYS" + gaussians.means.tobytes())


TOY = Format(
    name="toy",
    title="Toy",
    endings=(".toy", ".small.toy"),
    reads="v1",
    reader=_read_positions,
    writer=_write_positions,
    magic=begins_with(b"TOYS"),
    index="points.bin",
    folder=lambda folder: folder / "points.bin" if (folder / "toy.txt").exists() else None,
    degree=0,
    loses="all but positions",
)


@pytest.fixture
def toy(monkeypatch) -> Format:
    monkeypatch.setattr(registry, "FORMATS", (*registry.FORMATS, TOY))
    return TOY


def test_every_format_module_is_listed():
    names = [module.name for module in pkgutil.iter_modules(formats.__path__)]
    modules = [importlib.import_module(f"ft2os.formats.{name}") for name in names]
    described = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    assert sorted(f.name for f in described) == sorted(f.name for f in registry.FORMATS)


def test_names_and_endings_are_of_one_format_each():
    for values in ([f.name for f in registry.FORMATS], [e for f in registry.FORMATS for e in f.endings]):
        assert len(set(values)) == len(values)


def test_menus_keep_their_order():
    """Blender stores the number of a choice: a format that came between would change old files' exporters."""
    written = [f.name for f in registry.written()]
    assert written[:5] == ["ply", "compressed-ply", "splat", "spz", "sog"]


def test_every_written_format_has_a_picture_to_keep():
    assert {f.endings[0].removeprefix(".") for f in registry.written()} == set(PSNR)


def test_the_readme_has_the_registrys_table():
    lines = README.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| Format |"))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:]]
    header, rows = cells[0], cells[2 : next(i for i, row in enumerate(cells) if len(row) == 1)]
    assert [dict(zip(header, row, strict=True)) for row in rows] == registry.table()


def test_a_toy_format_is_found_read_and_written(toy, tmp_path):
    save_scene(tmp_path / "a.small.toy", ball(7))
    (tmp_path / "a.small.toy").rename(tmp_path / "unnamed")
    scene = load_scene(tmp_path / "unnamed")
    assert (scene.format, len(scene.gaussians)) == ("toy", 7)
    np.testing.assert_array_equal(scene.gaussians.means, ball(7).means)


def test_a_toy_folder_is_opened_by_its_index(toy, tmp_path):
    (tmp_path / "points.bin").write_bytes(b"TOYS" + bytes(12 * 3))
    write_ply(tmp_path / "scene.ply", two_groups(4))
    assert load_scene(tmp_path).format == "ply"  # its index alone is no scene of a folder
    (tmp_path / "toy.txt").touch()
    assert load_scene(tmp_path).path == tmp_path / "points.bin"
    assert registry.by_name(tmp_path / "points.bin") is toy
    with pytest.raises(RequestError, match=r"\.bin"):
        save_scene(tmp_path / "points.bin", ball(3))  # a folder is not written as one file


def test_a_toy_format_is_offered_wherever_formats_are(toy, tmp_path, capsys):
    assert ".toy" in registry.last_endings(registry.written())
    assert ".bin" in registry.last_endings(registry.FORMATS, with_index=True)
    with pytest.raises(SystemExit):
        cli.main(["convert", "--help"])
    assert "Toy (.toy): v1" in capsys.readouterr().out
    with pytest.raises(RequestError) as caught:
        registry.for_writing(tmp_path / "a.obj")
    assert ".toy" in caught.value.hint
    save_scene(tmp_path / "a.toy", ball(7))
    assert cli.main(["info", str(tmp_path / "a.toy")]) == 0
    assert "Toy" in capsys.readouterr().out
