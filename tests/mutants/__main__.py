"""``python -m tests.mutants``: make every mistake, print the survivors; the last line counts them."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.mutants import judge
from tests.mutants.drawn import Drawn, draw
from tests.mutants.listed import all_listed
from tests.mutants.mutant import Mistake, diff
from tests.mutants.tree import ROOT, Tree

MOST_DRAWN = 0.1  # share of the drawn mistakes that may survive; of the listed ones none may


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="another seed, other drawn mistakes")
    parser.add_argument("--drawn", type=int, default=60, metavar="N", help="how many to draw by rule")
    parser.add_argument("--only", default="", metavar="TEXT", help="only mistakes in files whose path has it")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "mutants", help="for the copies")
    args = parser.parse_args()

    start = time.monotonic()
    mistakes: list[Mistake] = [*all_listed(), *draw(ROOT, args.drawn, args.seed)]
    mistakes = [mistake for mistake in mistakes if args.only in mistake.file]
    trees = [Tree(args.folder / str(number)) for number in range(args.workers)]
    sources = {mistake.file: (trees[0].path / mistake.file).read_text("utf-8") for mistake in mistakes}
    for mistake in mistakes:
        mistake.applied(sources[mistake.file])  # says so at once if an entry no longer fits
    judge.warm(trees)
    tests = sorted({test for mistake in mistakes for test in mistake.tests})
    try:
        seconds = judge.baseline(trees, tests, _tell_time)
        print(
            f"{len(tests)} test files pass without a mistake ({time.monotonic() - start:.0f} s)", flush=True
        )
        verdicts = judge.judge(trees, mistakes, seconds, _tell)
    except judge.Misfit as error:
        sys.exit(str(error))
    sys.exit(_report(verdicts, sources, time.monotonic() - start))


def _tell_time(test: str, seconds: float) -> None:
    print(f"{seconds:6.1f} s  {test} passes", flush=True)


def _tell(verdict: judge.Verdict) -> None:
    fate = verdict.noticed or "SURVIVED"
    print(f"{verdict.seconds:6.1f} s  {verdict.mistake.file}  {fate[:120]}", flush=True)


def _report(verdicts: list[judge.Verdict], sources: dict[str, str], seconds: float) -> int:
    survivors = [verdict.mistake for verdict in verdicts if not verdict.noticed]
    for mistake in survivors:
        print(f"\n{diff(mistake, sources[mistake.file])}\n  not noticed by {' '.join(mistake.tests)}")
    drawn = sum(isinstance(verdict.mistake, Drawn) for verdict in verdicts)
    lost = sum(isinstance(mistake, Drawn) for mistake in survivors)
    print(f"\nlisted: {len(survivors) - lost} of {len(verdicts) - drawn} survived")
    print(f"drawn: {lost} of {drawn} survived")
    print(f"{seconds / 60:.1f} minutes")
    print(f"{len(survivors)} of {len(verdicts)} survived")
    return int(len(survivors) > lost or lost > MOST_DRAWN * drawn)


if __name__ == "__main__":
    main()
