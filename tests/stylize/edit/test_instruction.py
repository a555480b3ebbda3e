"""Prompts become instructions: what artists type, and what an editor is told."""

from __future__ import annotations

import pytest

from ft2os.stylize.edit.instruction import instruction, is_instruction, noun


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        # materials and things
        ("lava", "Turn the truck into lava"),
        ("white marble", "Turn the truck into white marble"),
        ("glowing lava", "Turn the truck into glowing lava"),
        ("a snowman", "Turn the truck into a snowman"),
        ("  rose   gold. ", "Turn the truck into rose gold"),
        ("cast iron", "Turn the truck into cast iron"),
        ("paint splatter", "Turn the truck into paint splatter"),
        ("light wood", "Turn the truck into light wood"),
        ("cut glass", "Turn the truck into cut glass"),
        ("rust", "Turn the truck into rust"),
        ("as a toy", "Turn the truck into a toy"),
        # out of something
        ("made of ice", "Make the truck out of ice"),
        ("made out of chocolate", "Make the truck out of chocolate"),
        ("built from Lego bricks", "Make the truck out of Lego bricks"),
        ("of pure gold", "Make the truck out of pure gold"),
        ("truck made of ice", "Make the truck out of ice"),
        ("the truck is made of ice", "Make the truck out of ice"),
        ("a truck of ice", "Make the truck out of ice"),
        # with something, without it
        ("truck with flames", "Add flames to the truck"),
        ("with blue flames", "Add blue flames to the truck"),
        ("The Truck with a snow cap!", "Add a snow cap to the truck"),
        ("without wheels", "Remove wheels from the truck"),
        # states
        ("covered in moss", "Cover the truck in moss"),
        ("truck covered with snow", "Cover the truck with snow"),
        ("painted by Van Gogh", "Paint the truck by Van Gogh"),
        ("overgrown with ivy", "Overgrow the truck with ivy"),
        ("clad in copper", "Clad the truck in copper"),
        ("knitted from wool", "Make the truck knitted from wool"),
        ("in the style of Van Gogh", "Paint the truck in the style of Van Gogh"),
        ("like a comic", "Make the truck look like a comic"),
        ("looks like it is melting", "Make the truck look like it is melting"),
        # qualities
        ("golden", "Make the truck golden"),
        ("dark red", "Make the truck dark red"),
        ("old and rusty", "Make the truck old and rusty"),
        ("a golden truck", "Make the truck golden"),
        ("the truck should be wooden", "Make the truck wooden"),
        ("lava truck", "Turn the truck into lava"),
        # instructions stay as they are
        ("Turn it into lava", "Turn it into lava"),
        ("make the truck look old", "make the truck look old"),
        ("please add flames", "please add flames"),
        ("Give it a coat of fresh snow.", "Give it a coat of fresh snow."),
        ("paint it red", "paint it red"),
        ("cover the truck in moss", "cover the truck in moss"),
        ("paint truck wheels red", "paint truck wheels red"),
        ("Put a hat on it", "Put a hat on it"),
        ("replace the wheels by sledges", "replace the wheels by sledges"),
        ("let it rust", "let it rust"),
        ("remove the load", "remove the load"),
    ],
)
def test_what_an_editor_is_told(prompt, told):
    assert instruction(prompt, "truck") == told
    assert instruction(told, "truck") == told  # what is shown and left alone is told unchanged
    assert is_instruction(told, "truck")


@pytest.mark.parametrize(
    ("name", "called"),
    [
        (None, "object"),
        ("", "object"),
        ("7", "object"),
        ("group_12", "group"),
        ("Truck.001", "truck"),
        ("the red_chair", "red chair"),
        ("TV", "TV"),
        ("Köln Dom", "köln dom"),
        ("x" * 300, "object"),
    ],
)
def test_what_the_object_is_called(name, called):
    assert noun(name) == called
    assert instruction("lava", name) == f"Turn the {called} into lava"


def test_a_name_that_is_a_pattern_is_only_a_name():
    assert instruction("(((", "a.*+?[") == "Turn the object into ((("
    assert instruction("lava", "chair (left") == "Turn the chair left into lava"


def test_nothing_stays_nothing():
    assert instruction("   ", "truck") == ""
    assert instruction("truck", "truck") == "Turn the truck into truck"
    assert instruction("...", "truck") == "Turn the truck into ..."
