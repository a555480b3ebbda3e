"""Prompts find what they found: material, score, how and by which word, or a refusal's neighbours.

Kept in ``matches.json``. Where matching is changed on purpose,
``python -m tests.materials.test_kept_matches`` writes the file anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ft2os.errors import RequestError, UnknownPromptError
from ft2os.materials import MATERIALS, match

HERE = Path(__file__).parent
KEPT = HERE / "matches.json"

PHRASES = """
lava; ice and lava; magma and snow; snow, ice; gold of ice; a golden robot in ice; ice cream and honey
not lava; no lava or ice; no lava nor ice, gold; neither lava; not made of any lava but ice; not only ice
not just ice; not merely gold; no doubt gold; not too shiny gold; not so icy gold; without wheels made of gold
without wheels, made of gold; without wheels carved from wood; never wood except ice; not with ice
no very big old lava; not really big old very lava; no wheels no lava; not the wheels turned into gold
without any lava or ice or snow; no longer gold; not; no; no no; without gold instead ice; no gold rather ice
lava. not ice; lava; not ice! gold; (no snow) ice; no snow: ice; no snow\\nice; ice? no snow
fire truck; fire trucks; a fire truck with flames; snowman made of snow; goldfish of gold; the ice age of ice
rock stars made of stone; hot dog; tree house wooden; a lavva; goldd; woodn; marbel; crystall ball; icee
stained glass; stained_glass; Stained-Glass windows; autumn leaves; leaves; leaf; berries; glasses; brushes
covered in boxes; mosses; cacti; gases; buses; iris; moss's; dragon’s scales; dragon scales; zebras; stripes
galactic; cindery; frozen; freezing; melted; melting; rusted; rusting; burned; burning; glowing; knitted
knitting; woodly; icily; icing; iced; feathers; feathered; oily; watery; smoky; sparkling; fluffier
made to look like a very old thing; xyzzy; qwertz lava; red; shiny red; 12345; ½; a truck; truck of truck
galaxy zebra; cosmic zebra; metallic; wooden metallic; tropical reef; mirror; jewel; bubble; hairy; toxic
lavatory; blackboard; board; golden gate; silverware; bronze age statue; woodpecker; icebox; snowflake
""".replace("\n", ";").split(";")
OF_OBJECTS = [
    ("snake made of lava", "snake"),
    ("a wooden chair", "chair"),
    ("gold", "gold bar"),
    ("lava snake", "snake"),
    ("truck", "Truck"),
    ("the trucks", "truck"),
    ("old plants", "plants"),
]


def prompts() -> list[tuple[str, str | None]]:
    words = (HERE / "everyday_words.txt").read_text("utf-8").splitlines()
    words += [line.split(":")[0] for line in (HERE / "heldout_synonyms.txt").read_text("utf-8").splitlines()]
    own = [word for material in MATERIALS.values() for word in (material.title, *material.words)]
    plain = [word.strip().replace("\\n", "\n") for word in [*PHRASES, *words, *own]]
    return [*((w, None) for w in dict.fromkeys(plain) if w and not w.startswith("#")), *OF_OBJECTS]


def answers() -> dict[str, list]:
    return {" @ ".join(filter(None, asked)): answer(*asked) for asked in prompts()}


def answer(prompt: str, object_name: str | None) -> list:
    try:
        found = match(prompt, object_name=object_name)
    except UnknownPromptError as error:
        return ["only says no" if "only what" in error.message else "refused", *error.nearest]
    except RequestError as error:
        return ["empty" if "empty" in error.message else "no English"]
    return [found.material.name, round(found.score, 4), found.how, found.word]


def test_every_prompt_is_answered_as_it_was() -> None:
    kept, now = json.loads(KEPT.read_text("utf-8")), answers()
    assert now.keys() == kept.keys()
    for prompt, wanted in kept.items():
        expected = [pytest.approx(x, abs=2e-3) if isinstance(x, float) else x for x in wanted]
        assert now[prompt] == expected, prompt


if __name__ == "__main__":
    lines = [f"{json.dumps(p, ensure_ascii=False)}: {json.dumps(a)}" for p, a in answers().items()]
    KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
