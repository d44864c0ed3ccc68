"""Recordings and samples, for whoever may see the pages. A request names rows, never files."""

from pathlib import Path

from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

from billing.voices import store
from billing.voices.errors import OutsideStore
from billing.voices.models import Conditioning
from portal.admin.voices.context import must_see
from portal.admin.voices.pages import clip_of

# By what the inspection found it to be; anything else is not played.
TYPES = {"WAV": "audio/wav", "WAVEX": "audio/wav", "FLAC": "audio/flac", "OGG": "audio/ogg", "MP3": "audio/mpeg"}


@require_safe
def clip_audio(request: HttpRequest, pk: int) -> FileResponse:
    must_see(request)
    clip = clip_of(pk)
    kind = TYPES.get(str(clip.facts.get("format", "")).upper())
    if kind is None:
        raise Http404("it was not inspected, or refused")
    return _file(clip.rel_path, kind)


@require_safe
def sample_audio(request: HttpRequest, pk: int) -> FileResponse:
    must_see(request)
    row = Conditioning.objects.select_related("voice").filter(pk=pk).exclude(sample_path="").first()
    if row is None or row.voice.purged_at is not None:
        raise Http404("there is no sample")
    return _file(row.sample_path, "audio/wav")


def _file(rel_path: str, kind: str) -> FileResponse:
    try:
        path: Path = store.absolute(rel_path)
        file = path.open("rb")
    except (OutsideStore, OSError) as error:
        raise Http404("the file is not there") from error
    response = FileResponse(file, content_type=kind)
    response["Cache-Control"] = "private, no-store"
    return response
