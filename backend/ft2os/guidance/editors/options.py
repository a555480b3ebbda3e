"""What can be set of an editor, whichever it is: each takes what it knows of and leaves the rest."""

from __future__ import annotations

from dataclasses import dataclass

from ft2os.errors import RequestError

MEMORY_MODES = ("auto", "full", "4bit", "offload")
MOST_STEPS, MOST_SIDE, MOST_BATCH, MOST_SCORE = 1000, 2048, 64, 5.0


@dataclass(frozen=True)
class Options:
    """Settings of editors. Zero stands for what the catalogue says.

    Parameters
    ----------
    text_guidance, image_guidance : float
        How much the words and the picture as it was count, where a model has such.
    steps : int
        Steps of one edit.
    side : int
        Pixels of the longer side of the picture that the model works on.
    noise_low, noise_high : float
        From how noisy a picture an edit starts, as a share of the steps, drawn for each view; times the
        task's strength. 1 and 1: from noise alone. InstructNeRF2NeRF and the paper: .70 and .98.
    batch : int
        Views in one call, for editors with the flag. 1 gives a view the same bits whatever is edited beside
        it; more is faster on a GPU and agrees to rounding. With ``shared`` it is all views of a task.
    memory : str
        "full", "4bit" or "offload" (parts wait in the machine's memory); "auto" is the first that fits.
    shared : bool
        One attention over the views of a task (UNets): they agree better.
    key_views : int
        With ``shared``: only the first so many views are seen by all; 0 is all of them.
    surface_noise : bool
        Noise that sticks to the object's surface (UNets).
    grid : bool
        Four views in one picture, the edited anchor first where there is one (editors with references).
    reward : str
        A file with the UNet of multi-reward conditioning, for InstructPix2Pix alone; empty is off.
    following, preserving, quality : float
        Its three scores, 0 to 5: of the words, of what they do not speak of, of the picture.
    address, workflow : str
        Of a ComfyUI server: where it is, and the file of a workflow in the API format.
    """

    text_guidance: float = 0.0
    image_guidance: float = 0.0
    steps: int = 0
    side: int = 0
    noise_low: float = 1.0
    noise_high: float = 1.0
    batch: int = 1
    memory: str = "auto"
    shared: bool = False
    key_views: int = 0
    surface_noise: bool = False
    grid: bool = False
    reward: str = ""
    following: float = 5.0
    preserving: float = 5.0
    quality: float = 5.0
    address: str = ""
    workflow: str = ""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises
        ------
        RequestError
        """
        _within("Steps", self.steps, 0, MOST_STEPS)
        _within("The side", self.side, 0, MOST_SIDE)
        _within("The batch", self.batch, 1, MOST_BATCH)
        _within("The lower noise", self.noise_low, 0.01, 1)
        _within("The upper noise", self.noise_high, self.noise_low, 1)
        for name in ("following", "preserving", "quality"):
            _within(f"The score of {name}", getattr(self, name), 0, MOST_SCORE)
        if self.memory not in MEMORY_MODES:
            raise RequestError(
                f'An editor cannot be held as "{self.memory}".', f"Say one of {', '.join(MEMORY_MODES)}."
            )


def _within(what: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise RequestError(f"{what} cannot be {value:g}.", f"Set it from {least:g} to {most:g}.")
