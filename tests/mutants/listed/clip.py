"""The CLIP method: what it minimises, which way, how far, and where it starts."""

from tests.mutants.mutant import Mutant

_ROOM = "backend/ft2os/stylize/clip/"
_FAST = "tests/stylize/test_clip_fast.py"


def _optimum(name: str) -> tuple[str, ...]:
    return (f"tests/stylize/test_clip_optimum.py::test_{name}",)


MUTANTS = [
    Mutant(
        _ROOM + "objective.py",
        'terms["direction"] = direction_loss(',
        'terms["direction"] = -direction_loss(',
        _optimum("the_direction_alone_leads_from_the_source_words_to_the_targets"),
    ),
    Mutant(
        _ROOM + "objective.py",
        "self._likelihood(embeddings[whole:], texts.crop, negatives)",
        "self._likelihood(embeddings[whole:], texts.whole, negatives)",
        _optimum("whole_pictures_and_crops_are_led_by_their_own_words"),
    ),
    Mutant(
        _ROOM + "objective.py",
        "self._likelihood(embeddings[:whole], texts.whole, negatives)",
        "self._likelihood(embeddings[:whole], texts.crop, negatives)",
        _optimum("whole_pictures_and_crops_are_led_by_their_own_words"),
    ),
    Mutant(
        _ROOM + "objective.py",
        "self._likelihood(embeddings[whole:], texts.crop, negatives)",
        "self._likelihood(embeddings[:whole], texts.crop, negatives)",
        _optimum("crops_show_the_object_where_it_is"),
    ),
    Mutant(
        _ROOM + "objective.py",
        "return -torch.stack(one)",
        "return torch.stack(one)",
        _optimum("the_material_that_the_judge_likes_best_is_the_start"),
    ),
    Mutant(
        _ROOM + "objective.py",
        "structure_loss(images, originals)",
        "structure_loss(images, images)",
        _optimum("the_structure_term_keeps_light_and_dark"),
    ),
    Mutant(
        _ROOM + "objective.py",
        "change.square().mean()",
        "offsets.square().mean()",
        _optimum("an_anchor_that_weighs_everything_keeps_the_start"),
    ),
    Mutant(
        _ROOM + "start.py",
        "best = max(brushes",
        "best = min(brushes",
        _optimum("the_material_that_the_judge_likes_best_is_the_start"),
    ),
    Mutant(
        _ROOM + "start.py",
        "chance = torch.quantile(texts.bank.embeddings @ texts.crop, NEAR_SHARE).item()",
        "chance = -1.0",
        ("tests/stylize/test_clip_start.py",),
    ),
    Mutant(
        _ROOM + "geometry_stage.py",
        "sum(getattr(self._settings, name) * term for",
        "sum(term for",
        _optimum("the_judge_of_the_geometry_weighs_as_the_settings_say"),
    ),
    Mutant(
        _ROOM + "geometry_stage.py",
        "_REACH = 0.06",
        "_REACH = 0.6",
        _optimum("the_geometry_moves_and_stays_within_its_reach"),
    ),
    Mutant(
        _ROOM + "geometry_stage.py",
        "rates={name: _PACE * rate for",
        "rates={name: 0 * rate for",
        _optimum("the_geometry_moves_and_stays_within_its_reach"),
    ),
    Mutant(
        _ROOM + "colour_stage.py",
        "_PALETTE[guidance.from_original] if settings.rate else 0.0",
        "0.0",
        _optimum("the_palette_takes_the_whole_object_there"),
    ),
    Mutant(
        _ROOM + "colour_stage.py",
        'group["lr"] = rate * self._pace()',
        'group["lr"] = rate',
        _optimum("the_steps_shrink_to_a_tenth"),
    ),
    Mutant(
        _ROOM + "colour_stage.py",
        "sum(self._weights[name] * term for",
        "sum(term for",
        _optimum("an_anchor_that_weighs_everything_keeps_the_start"),
    ),
    Mutant(
        _ROOM + "colour_stage.py",
        'self._weights["anchor"] *= _FROM_ORIGINAL',
        "pass",
        _optimum("the_anchor_counts_less_from_the_original_than_from_a_material"),
    ),
    Mutant(
        _ROOM + "colour_stage.py",
        "self._adam.zero_grad(set_to_none=True)",
        "pass",
        _optimum("the_colours_reach_the_one_that_the_judge_likes_best"),
    ),
    Mutant(
        _ROOM + "colour_stage.py",
        "near.reshape(len(means), count)[:, min(1, count - 1) :]",
        "near.reshape(len(means), count)[:, :-1]",
        _optimum("neighbours_are_the_nearest_others"),
    ),
    Mutant(
        _ROOM + "colour_stage.py",
        '{"step": torch.tensor(float(number)), **moments}',
        '{"step": torch.tensor(0.0), **moments}',
        (_FAST,),
    ),
    Mutant(
        _ROOM + "reference_views.py",
        "self._embeddings[index] = self._judgement.embed(self.images([index]))[0]",
        "self._embeddings[index] = self._judgement.embed(self.images([0]))[0]",
        _optimum("references_are_of_their_own_views"),
    ),
    Mutant(
        _ROOM + "texts.py",
        "self.direction = self.whole - self._source",
        "self.direction = self.whole",
        _optimum("the_direction_alone_leads_from_the_source_words_to_the_targets"),
    ),
    Mutant(
        _ROOM + "paper.py",
        "        self.parameters.optimizer.zero_grad(set_to_none=True)\n",
        "",
        _optimum("the_papers_loop_reaches_the_colour_too"),
    ),
    Mutant(
        _ROOM + "paper.py",
        "return similarity_loss(embeddings, self.prompt_text)",
        "return -similarity_loss(embeddings, self.prompt_text)",
        _optimum("the_papers_loop_reaches_the_colour_too"),
    ),
    Mutant(
        _ROOM + "fast.py",
        "from_original=start.choice.brush is None",
        "from_original=start.choice.brush is not None",
        _optimum("the_steps_shrink_to_a_tenth"),
    ),
    Mutant(
        _ROOM + "former_names.py",
        '"structure": "form",',
        "",
        ("tests/stylize/test_old_checkpoints.py",),
    ),
    Mutant(
        _ROOM + "former_names.py",
        '"shape/pull": "shape/screen_gradients",',
        "",
        ("tests/stylize/test_old_checkpoints.py",),
    ),
    Mutant(
        _ROOM + "former_names.py",
        '_PRESETS = {"paper": "seed"}',
        "_PRESETS = {}",
        ("tests/stylize/test_old_checkpoints.py",),
    ),
]
