"""Write the 10,000 words that negatives are drawn from, out of Debian's ``scowl`` package.

    python scripts/make_words.py [/usr/share/dict/scowl] [/usr/share/doc/scowl/copyright]

All of level 10 (the most common words) and as much of level 20 as fills the list, thinned evenly. Possessives
and words of one or two letters say nothing to a judge of pictures and are left out. SCOWL's licence asks that
its notice travels with the list, so its notice stands at the head of it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

COUNT = 10_000
OUT = Path(__file__).resolve().parents[1] / "backend" / "ft2os" / "guidance" / "words.txt"
_HEAD = """\
10,000 common English words, from levels 10 and 20 of SCOWL (Spell Checker Oriented Word Lists), Debian's
package scowl, by scripts/make_words.py. SCOWL's copyright notice:
"""


def read_level(folder: Path, level: int) -> list[str]:
    """The usable words of one level, sorted."""
    lines = (folder / f"english-words.{level}").read_text(encoding="utf-8").split()
    return sorted({word for word in lines if len(word) > 2 and "'" not in word})


def choose(folder: Path) -> list[str]:
    """``COUNT`` words, sorted."""
    common = read_level(folder, 10)
    rest = [word for word in read_level(folder, 20) if word not in set(common)]
    every = np.linspace(0, len(rest) - 1, COUNT - len(common)).round().astype(int)
    words = sorted({*common, *(rest[index] for index in every)})
    if len(words) != COUNT:
        raise SystemExit(f"{folder} gives {len(words)} words instead of {COUNT}")
    return words


def main(folder: Path, notice: Path) -> None:
    head = _HEAD + "\n" + notice.read_text(encoding="utf-8")
    comment = "\n".join(f"# {line}".rstrip() for line in head.splitlines())
    beside = OUT.with_suffix(".part")
    beside.write_text(comment + "\n" + "\n".join(choose(folder)) + "\n", encoding="utf-8")
    os.replace(beside, OUT)


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    main(*(given + [Path("/usr/share/dict/scowl"), Path("/usr/share/doc/scowl/copyright")][len(given) :]))
