"""The mutants still fit the tree, and the judge tells a survivor from what was noticed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.mutants import judge
from tests.mutants.alike import ALIKE
from tests.mutants.drawn import draw
from tests.mutants.listed import all_listed
from tests.mutants.mutant import Mutant
from tests.mutants.operators import edits
from tests.mutants.rooms import ROOMS, files_of
from tests.mutants.tree import Tree

LISTED = all_listed()


def test_every_listed_mutant_fits_the_tree():
    """Whoever moves a line that a mutant is about moves the mutant too."""
    assert len(LISTED) >= 40
    misfits = []
    for mutant in LISTED:
        source = (ROOT / mutant.file).read_text("utf-8")
        try:
            ast.parse(mutant.applied(source))
        except (ValueError, SyntaxError) as error:
            misfits.append(str(error))
        misfits += [test for test in mutant.tests if not (ROOT / test.split("::")[0]).is_file()]
    assert not misfits


def test_no_mutant_is_listed_twice():
    assert len({(mutant.file, mutant.old, mutant.new) for mutant in LISTED}) == len(LISTED)


def test_a_mutant_that_fits_twice_or_not_at_all_is_refused():
    for source in ("b = 1\n", "a = 1\na = 1\n"):
        with pytest.raises(ValueError, match=r"x\.py holds 'a = 1'"):
            Mutant("x.py", "a = 1", "a = 2", ()).applied(source)


def test_every_module_of_the_backend_is_in_a_room_whose_tests_exist():
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "backend/ft2os").rglob("*.py")}
    taken = [file for name in ROOMS for file in files_of(ROOT, name)]
    assert modules <= set(taken)
    assert len(taken) == len(set(taken))
    assert not [test for room in ROOMS.values() for test in room.tests if not (ROOT / test).is_file()]


def test_every_line_where_nothing_is_drawn_is_there():
    for file, texts in ALIKE.items():
        source = (ROOT / file).read_text("utf-8")
        assert not [text for text in texts if text not in source], file


def test_the_same_seed_draws_the_same_mutants_from_all_rooms():
    drawn = draw(ROOT, 60, seed=3)
    assert drawn == draw(ROOT, 60, seed=3)
    assert drawn != draw(ROOT, 60, seed=4)
    assert len(set(drawn)) == 60
    assert {room.tests for room in ROOMS.values()} == {mutant.tests for mutant in drawn}
    for mutant in drawn:
        source = (ROOT / mutant.file).read_text("utf-8")
        ast.parse(mutant.applied(source))
        assert ast.dump(ast.parse(mutant.applied(source))) != ast.dump(ast.parse(source))


SOURCE = '''"""A docstring with 1 < 2."""
import logging

log = logging.getLogger(__name__)


def f(a: int, b: int = 3) -> int | None:
    """Not 5."""
    log.info("%d", 4)
    if not a and b > 0:
        raise ValueError(7)
    return min(a + b, 2)
'''


def test_each_operator_makes_its_mistake_and_leaves_words_alone():
    changed = {
        edit.rule: [
            new for new, old in zip(edit.applied(SOURCE).splitlines(), SOURCE.splitlines()) if new != old
        ]
        for edit in edits(SOURCE)
    }
    assert changed == {
        "and/or": ["    if (not a or b > 0):"],
        "dropped not": ["    if (a) and b > 0:"],
        "comparison": ["    if not a and (b <= 0):"],
        "removed statement": ["        pass"],
        "return None": ["    return None"],
        "min/max": ["    return (max(a + b, 2))"],
        "arithmetic": ["    return min((a - b), 2)"],
        "constant": ["    return min(a + b, 3)"],  # the last of three numbers
    }


class ToyTree:
    """A tree of one module and its tests, for the judge alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "toy.py").write_text("def twice(x):\n    return 2 * x\n")
        (path / "test_toy.py").write_text("from toy import twice\n\ndef test():\n    assert twice(2) == 4\n")

    def run(self, tests, *, fresh, timeout=None):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        done = subprocess.run(command, cwd=self.path, capture_output=True, text=True, timeout=timeout)
        return done.returncode, done.stdout

    with_mistake = Tree.with_mistake
    _forget_built = Tree._forget_built


def test_the_judge_tells_who_survives_and_puts_everything_back(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    tree, tests = ToyTree(tmp_path), ("test_toy.py",)
    before = (tmp_path / "toy.py").read_text()
    seconds = judge.baseline([tree], tests)
    mutants = [
        Mutant("toy.py", "2 * x", "3 * x", tests),
        Mutant("toy.py", "2 * x", "x + x", tests),
        Mutant("toy.py", "return", "retrun", tests),
    ]
    verdicts = judge.judge([tree], mutants, seconds)
    assert [bool(verdict.noticed) for verdict in verdicts] == [True, False, True]
    assert "test_toy.py::test" in verdicts[0].noticed
    assert (tmp_path / "toy.py").read_text() == before


def test_what_fails_without_a_mistake_is_no_judge(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    tree = ToyTree(tmp_path)
    (tmp_path / "toy.py").write_text("def twice(x):\n    return 3 * x\n")
    with pytest.raises(judge.Misfit, match="does not pass"):
        judge.baseline([tree], ["test_toy.py"])
    with pytest.raises(judge.Misfit):
        judge.baseline([tree], ["test_absent.py"])
