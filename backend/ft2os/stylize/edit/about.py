"""The method ``edit`` described: see `ft2os.stylize.about`."""

from __future__ import annotations

from dataclasses import dataclass

from ft2os.stylize.about import Method, Needs, Preset, Takes, draft, high, standard
from ft2os.stylize.edit import controls
from ft2os.stylize.preparation import Preparation
from ft2os.stylize.settings import flag, number, numbers, one_of, several, text, whole

_NEEDS = Needs(modules=("numba", "scipy", "PIL"))
OWN = "the editor's own where null"


@dataclass(frozen=True)
class Editing:
    """What every run says to its editor."""

    editor: str = text(
        "auto",
        "Who edits: a name that 'ft2os editors' lists, a folder with a model, a folder that 'ft2os views' "
        "wrote, or comfyui; auto: the best one that is here.",
        option="EDITOR",
        control=controls.EDITOR,
    )
    instruction: str = text(
        "",
        "What the editor is told, instead of words made from the prompt.",
        example="Turn it into lava",
        control=controls.INSTRUCTION,
    )
    edits: str = text(
        "",
        "A folder that keeps the edits, each run's in its own; the same run again goes on from them.",
        example="edits",
        control=controls.KEEP_EDITS,
    )
    text_guidance: float | None = number(
        None, 0, 100, f"How closely the editor follows the words; {OWN}.", optional=True, example="7.5"
    )
    image_guidance: float | None = number(
        None, 0, 100, f"How closely it keeps the picture; {OWN}.", optional=True, example="1.5"
    )
    editor_steps: int | None = whole(
        None, 1, 1000, f"Denoising steps of an edit; {OWN}.", optional=True, example="20"
    )
    editor_pixels: int | None = whole(
        None, 16, 2048, f"Side of the picture that it works on; {OWN}.", optional=True, example="512"
    )
    group: int = whole(4, 1, 64, "Views that are edited together.")
    share_attention: bool = flag(True, "Views of a group look at each other, where the editor can.")
    key_views: int = whole(0, 0, 64, "Only so many of a group are looked at by the others; 0: all.")
    surface_noise: bool = flag(True, "The editor's noise sticks to the surface, where it can.")
    grid: bool = flag(True, "Views of a group lie in one picture, for editors with references.")
    rewards: str = text(
        "",
        "A file with the weights of multi-reward conditioning, for InstructPix2Pix.",
        example="rewards.safetensors",
    )
    reward_scores: tuple[float, ...] = numbers(
        (5.0, 5.0, 5.0), "Wanted scores from 0 to 5: following the words, keeping the picture, quality."
    )
    workflow: str = text(
        "",
        "A workflow of ComfyUI in its API format; a template of ours where empty.",
        example="flow.json",
        control=controls.WORKFLOW,
    )
    address: str = text(controls.SERVER, "Where the ComfyUI server answers.", control=controls.ADDRESS)


@dataclass(frozen=True)
class Settings(Editing, Preparation):
    """The numbers of a run: rounds of edits, each fitted with closed-form solves."""

    views: int = whole(20, 3, 1000, "Pictures that are edited.")
    pixels: int = whole(208, 32, 4096, "Side of a picture as it is fitted; the editor works at its own.")
    strengths: tuple[float, ...] = several(
        (1.0, 0.5), 0.01, 1, 16, "How freely each round edits: 1 draws anew, less keeps what there is."
    )
    start: str = one_of(
        "object",
        ("object", "material"),
        "What the first round edits: the object, or the prompt's material, which no round then changes "
        "by more than strength 0.8.",
        control=controls.FROM_MATERIAL,
    )
    register: bool = flag(True, "Put shifted and zoomed edits back, and leave out what is not the object.")
    align_colours: bool = flag(True, "Bring the views' colours together before they are fitted.")
    flow: bool = flag(True, "Bring misplaced details together before they are fitted.")
    reweigh: bool = flag(True, "Let patches count less that the other views deny.")
    detail_bands: bool = flag(False, "Take fine detail from the view that faces it best.")
    polish: int = whole(0, 0, 10_000, "Steps on L1 + LPIPS at the end, which want torch.")
    form: str = one_of("auto", ("auto", "none"), "The shape that the prompt's words ask for, or none.")


@dataclass(frozen=True)
class PaperSettings(Editing, Preparation):
    """The paper's Algorithms 3 and 4: Adam on L1 + LPIPS against edits that are renewed on a schedule."""

    views: int = whole(64, 3, 1000, "Views around the object, where the scene has no cameras.")
    pixels: int = whole(128, 32, 4096, "Side of a picture.")
    text_guidance: float | None = number(12.0, 0, 100, "How closely the editor follows the words.")
    image_guidance: float | None = number(1.75, 0, 100, "How closely it keeps the picture.")
    editor_steps: int | None = whole(20, 1, 1000, "Denoising steps of an edit.")
    noise: tuple[float, ...] = numbers((0.70, 0.98), "Least and most of an edit's strength, drawn for each.")
    schedule: str = one_of(
        "paper",
        ("paper", "one_view", "all_views"),
        "What is edited when: every view so many times (the paper), one view at a time "
        "(InstructNeRF2NeRF), or all at once (InstructGS2GS).",
    )
    epochs: int = whole(20, 1, 10_000, "Passes over all views.")
    renewals: int = whole(4, 1, 10_000, "How many times a view is edited in a run.")
    batch: int = whole(64, 1, 1024, "Views a step.")
    rate: float = number(0.02, 1e-6, 1, "Adam's rate for colours.")
    l1: float = number(1.0, 0, 1e3, "Weight of L1.")
    lpips: float = number(1.0, 0, 1e3, "Weight of LPIPS.")
    share_attention: bool = flag(False, "Views of a group look at each other, where the editor can.")
    surface_noise: bool = flag(False, "The editor's noise sticks to the surface, where it can.")
    grid: bool = flag(False, "Views of a group lie in one picture, for editors with references.")


EDIT = Method(
    name="edit",
    title="Edit",
    line="An image editor changes the views, the object follows: any prompt, needs an editor",
    number=3,
    takes=Takes(words="optional", cameras=True),
    resumes=True,
    prompt_hint="turn it into …, add …, made of …",
    presets=(
        draft(
            seconds=6,
            settings=Settings(
                views=8, strengths=(1.0,), limit=40_000, refit=0, align_colours=True, flow=True
            ),
            needs=_NEEDS,
        ),
        standard(
            doc="Two rounds of 20 views; the time is the fit's, beside the editor's own",
            seconds=45,
            settings=Settings(),
            needs=_NEEDS,
        ),
        high(
            doc="Three rounds of 32 views",
            seconds=120,
            settings=Settings(views=32, strengths=(1.0, 0.6, 0.3), refit=48),
            needs=_NEEDS,
        ),
        Preset(
            "paper",
            "Paper",
            "The published settings, for comparison",
            number=2,
            seconds=1500,
            settings=PaperSettings(),
            needs=Needs(modules=(*_NEEDS.modules, "torch", "lpips")),
        ),
    ),
)
