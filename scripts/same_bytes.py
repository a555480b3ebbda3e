"""Whether two commits make the same looks to the bit: ``python -m scripts.same_bytes --against COMMIT``.

Every entry of `CASES` is a command line of ``ft2os stylize``. Each runs once with the commit's own code and
once with this tree's, on the demo scene, judged by the tests' small CLIP and a VGG16 of random weights; the
files that they write are compared by digest. Some eight minutes on two cores. ``--tree`` names a commit in
place of this tree: the same one twice shows that the machine repeats its bits. What could make them differ by
chance is kept away: torch has one thread, since some of its gradients add up in the order in which threads
come, and every case a process, since its sums also depend on where in memory an array happens to lie.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCENE = ROOT / "demo" / "scene" / "scene.ply"

# What some commits call otherwise: {name} stands for the first of these that a tree's command line takes.
ALIASES = {"paper": ("paper", "seed")}

# By name, what stands behind "ft2os stylize SCENE".
CASES = {
    "material/draft": "--style truck=lava --style tree=emerald --style crate=wood --style ball=galaxy "
    "--style pumpkin=rust --style ground=snow --preset draft",
    "material/standard": "--style 'crate=old gold' --style pumpkin=ice",
    "material/high": "--group ball --prompt jade --preset high --set refine_steps=3",
    "material/spikes": "--group pumpkin --prompt 'spiky ice' --preset draft",
    "material/fur": "--group ball --prompt furry --preset draft --strength 0.7",
    "material/melting": "--group crate --prompt 'melting chocolate'",
    "material/inflated": "--group tree --prompt gold --set form=inflated --preset draft",
    "image/draft": "--style truck=@{picture} --style pumpkin=lava@{picture} --preset draft --method image",
    "image/standard": "--group ball --style-image {picture} --set steps=4",
    "clip/draft": "--group crate --prompt 'mossy stone' --method clip --preset draft",
    "clip/standard": "--group pumpkin --prompt lava --method clip --set steps=4 --set views=4",
    "clip/ranked": "--group ball --prompt serendipity --method clip --set steps=2 --set candidates=6",
    "clip/picture": "--group ball --prompt gold --style-image {picture} --method clip --preset draft",
    "clip/form": "--group pumpkin --prompt spiky --method clip --preset draft --set geometry_steps=3",
    "clip/paper": "--group crate --prompt lava --method clip --preset {paper} --set steps=3 --set batch=4",
}

FAILED = "failed"
KEPT = ROOT / "build" / "same_bytes"
# What runs in a case's own process; of its tree it uses the command line only.
_RUN = """
import hashlib, itertools, json, pathlib, sys, time
from ft2os.cli import main

task = json.load(sys.stdin)
out = pathlib.Path(task["out"])

def code_of(words):
    try:
        return main(words)
    except SystemExit as error:  # the command line is not this tree's
        return error.code

def digest(words):
    for names in itertools.product(*task["aliases"].values()):
        known = {"picture": task["picture"], **dict(zip(task["aliases"], names))}
        out.unlink(missing_ok=True)
        said = [word.format(**known) for word in words]
        code = code_of(["stylize", task["scene"], *said, "--out", str(out)])
        if code == 0:
            return hashlib.sha256(out.read_bytes()).hexdigest()
        if code != 2:
            break
    return task["failed"] + f" with exit code {code}"

began = time.perf_counter()
found = [digest(task["words"]), time.perf_counter() - began]
with open(task["found"], "w") as stream:
    json.dump(found, stream)
"""


def main(arguments: Sequence[str] | None = None, cases: Mapping[str, str] = CASES) -> int:
    """Compare, print a table; 1 where a look differs or could not be made, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", required=True, metavar="COMMIT", help="whose looks are right")
    parser.add_argument(
        "--tree", metavar="COMMIT", help="whose looks are in question, in place of this tree's"
    )
    parser.add_argument("--only", default="*", metavar="PATTERN", help="cases to run, such as 'clip/*'")
    args = parser.parse_args(arguments)
    chosen = {name: shlex.split(words) for name, words in cases.items() if fnmatch(name, args.only)}
    with tempfile.TemporaryDirectory(prefix="ft2os-bytes-") as folder:
        judges = _judges(KEPT / "judges")
        before = digests(_tree(args.against), chosen, Path(folder), judges)
        after = digests(_tree(args.tree) if args.tree else ROOT, chosen, Path(folder), judges)
    differing = [name for name in chosen if not _same(before[name][0], after[name][0])]
    for name in chosen:
        (right, first), (found, second) = before[name], after[name]
        verdict = "DIFFERENT" if name in differing else "same"
        print(f"{name:18} {verdict:9}  {right[:12]}  {found[:12]}  {first:5.1f} s {second:5.1f} s")
    print(f"{len(chosen) - len(differing)} of {len(chosen)} are the same.")
    return 1 if differing or not chosen else 0


def _same(right: str, found: str) -> bool:
    """Two failures are no proof of anything."""
    return right == found and not right.startswith(FAILED)


def digests(
    tree: Path, cases: Mapping[str, Sequence[str]], folder: Path, judges: Mapping[str, str]
) -> dict[str, tuple[str, float]]:
    """By case, the SHA-256 of what a tree's code writes, or why there is none, and the seconds it took."""
    return {name: _digest(tree, words, folder, judges) for name, words in cases.items()}


def _digest(tree: Path, words: Sequence[str], folder: Path, judges: Mapping[str, str]) -> tuple[str, float]:
    found = folder / "found.json"
    found.unlink(missing_ok=True)
    task = {
        "scene": str(SCENE),
        "picture": str(KEPT / "judges" / "picture.png"),
        "out": str(folder / "out.ply"),
        "found": str(found),
        "failed": FAILED,
        "aliases": ALIASES,
        "words": words,
    }
    settled = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    subprocess.run(
        [sys.executable, "-c", _RUN],
        input=json.dumps(task),
        text=True,
        env={**os.environ, **settled, **judges, "PYTHONPATH": str(tree / "backend")},
        stdout=sys.stderr,  # the table alone goes to stdout
        check=True,
    )
    return tuple(json.loads(found.read_text()))


def _tree(commit: str) -> Path:
    """A folder with the backend of a commit; it stays, and with it the kernels compiled for that place."""
    asked = ["git", "rev-parse", "--verify", f"{commit}^{{commit}}"]
    name = subprocess.check_output(asked, cwd=ROOT, text=True).strip()
    folder = KEPT / name
    if not folder.is_dir():
        packed = subprocess.check_output(["git", "archive", name, "backend"], cwd=ROOT)
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT) as temporary:
            whole = Path(temporary, "tree")
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                archive.extractall(whole, filter="data")
            whole.rename(folder)
    return folder


def _judges(folder: Path) -> dict[str, str]:
    """A picture and networks of random weights in ``folder``; the environment in which they are found.

    Always the same place: it is part of the judge's name, under which embeddings of texts are kept.
    """
    from tests import strokes, tiny_clip, tiny_vgg

    folder.mkdir(parents=True, exist_ok=True)
    strokes.write(folder / "picture.png")
    clip, weights = tiny_clip.write(folder / "clip"), tiny_vgg.write(folder / "weights")
    return {"FT2OS_CLIP": str(clip), "FT2OS_WEIGHTS": str(weights)}


if __name__ == "__main__":
    sys.exit(main())
