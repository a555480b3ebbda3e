"""What a run of the fast method has before it computes anything.

The networks, the checkpoint that it goes on from, and how large a batch fits into the memory: whatever may be
missing or too large is refused here, at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ft2os.device import best_device
from ft2os.guidance import clip_judge
from ft2os.guidance.clip_judge import ClipJudge
from ft2os.stylize import form, geometry, memory
from ft2os.stylize.clip import checkpoint
from ft2os.stylize.clip.checkpoint import Kept
from ft2os.stylize.clip.content import Regularizer
from ft2os.stylize.clip.settings import Settings
from ft2os.stylize.clip.style import Style
from ft2os.stylize.form import FormRequest
from ft2os.stylize.request import StylizeRequest
from ft2os.stylize.split import max_gaussians

_CONTENT_PIXELS = 160
_FORM_STRENGTH = 0.4  # of the geometry stage, at least, where a form is asked for


@dataclass(frozen=True)
class Loaded:
    """A request with everything that serves it.

    Parameters
    ----------
    request : StylizeRequest
    settings : Settings
        With the batch that fits.
    device : str
        "cpu" or "cuda".
    judge : ClipJudge
    regularizer, style : optional
        Terms that need networks of their own.
    form : FormRequest
        The form that the prompt or the settings ask for.
    strength : float
        Of the geometry stage, 0 to 1; there is none at 0.
    fit : memory.Fit
    digest : str
        Of the request, for its checkpoint.
    kept : Kept, optional
        The checkpoint that the run goes on from.
    """

    request: StylizeRequest
    settings: Settings
    device: str
    judge: ClipJudge
    regularizer: Regularizer | None
    style: Style | None
    form: FormRequest
    strength: float
    fit: memory.Fit
    digest: str
    kept: Kept | None

    @property
    def pixels(self) -> int:
        """Side of a view that is judged."""
        return view_pixels(self.settings, self.judge)


def load(request: StylizeRequest, settings: Settings, judge: ClipJudge | None = None) -> Loaded:
    """Load what a request needs.

    Parameters
    ----------
    request : StylizeRequest
    settings : Settings
    judge : ClipJudge, optional
        Instead of the one that the settings name.

    Raises
    ------
    MissingError
        If weights are not on this machine.
    RequestError
        If the run does not fit into the memory, or the checkpoint is another request's.
    FileError
        If the style image or the checkpoint cannot be read.
    """
    device = best_device()
    judge = (judge or clip_judge.load(settings.model, settings.pretrained)).to(device)
    content = settings.regularisation > 0
    image = request.style_image
    regularizer = Regularizer(settings, device, _CONTENT_PIXELS) if content else None
    style = Style(image, request.seed, device) if image and settings.style else None
    wanted = form.resolve_form(request.prompt, settings.start_form, settings.form_amount, request.object_name)
    strength = _strength(request, settings, wanted)
    digest = checkpoint.digest(request, settings, judge.name)
    kept = checkpoint.load(request.checkpoint, digest) if request.resume and request.checkpoint else None
    job = _job(request, settings, judge, wanted, strength)
    fit = memory.fit_batch(settings.batch, job, device=device)
    # A run that goes on keeps its batch, whatever is free today.
    batch = kept.facts["batch"] if kept else fit.batch
    return Loaded(
        request=request,
        settings=replace(settings, batch=batch),
        device=device,
        judge=judge,
        regularizer=regularizer,
        style=style,
        form=wanted,
        strength=strength,
        fit=fit,
        digest=digest,
        kept=kept,
    )


def view_pixels(settings: Settings, judge: ClipJudge) -> int:
    """Side of a view that is judged."""
    return max(16, round(settings.oversample * judge.image_size))


def _strength(request: StylizeRequest, settings: Settings, wanted: FormRequest) -> float:
    if settings.geometry is not None:
        return settings.geometry
    # A form that was asked for by hand wants the geometry stage, whatever the prompt says.
    least = _FORM_STRENGTH if wanted.form else 0.0
    return max(geometry.wanted(request.prompt, request.object_name), least)


def _job(
    request: StylizeRequest, settings: Settings, judge: ClipJudge, wanted: FormRequest, strength: float
) -> memory.Job:
    """The memory that the run will take."""
    most = max_gaussians(len(request.target), settings.limit)
    return memory.Job(
        gaussians=most + (form.GROWN if wanted.form else 0),
        views=settings.surface_views,
        pixels=settings.surface_pixels,
        judged_views=settings.views,
        judged_pixels=view_pixels(settings, judge),
        per_picture=judge.bytes_per_picture,
        moved=14 if strength > 0 else 3,
        rasterized=strength > 0,
    )
