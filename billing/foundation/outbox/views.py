"""The local outbox page: where e-mails of a demo installation arrive. It does not exist anywhere else."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from billing.foundation.outbox.attachments import Attachment
from billing.foundation.outbox.models import OutboxMessage

PER_PAGE = 50

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def outbox_page(view: View[P]) -> View[P]:
    """Demo installations only, signed-in staff only: messages hold codes and links that sign people in."""

    @require_safe
    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not settings.DEMO:
            raise Http404
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not request.user.is_staff:
            raise Http404
        response = view(request, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response

    return guarded  # type: ignore[return-value]


@outbox_page
def outbox(request: HttpRequest) -> HttpResponse:
    page = Paginator(OutboxMessage.objects.order_by("-id"), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "foundation/outbox.html", {"page": page, "nav": "outbox"})


@outbox_page
def message(request: HttpRequest, message_id: int) -> HttpResponse:
    context = {"message": get_object_or_404(OutboxMessage, pk=message_id), "nav": "outbox"}
    return render(request, "foundation/outbox_message.html", context)


@outbox_page
def html_source(request: HttpRequest, message_id: int) -> HttpResponse:
    """The HTML part as plain text: a message must not run or load anything in the portal's own origin."""
    source = get_object_or_404(OutboxMessage, pk=message_id).html
    return HttpResponse(source, content_type="text/plain; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"})


# The document itself is shut in: no script, no form, nothing loaded, and an origin of its own. Pages need no exception.
DOCUMENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; sandbox allow-popups"


@outbox_page
def html_shown(request: HttpRequest, message_id: int) -> HttpResponse:
    """The HTML part as a mail program shows it."""
    response = HttpResponse(get_object_or_404(OutboxMessage, pk=message_id).html)
    response.headers["Content-Security-Policy"] = DOCUMENT_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@outbox_page
def attachment(request: HttpRequest, message_id: int, number: int) -> HttpResponse:
    """A file that goes with the message, as a download: it must not run in the portal's own origin either."""
    files = get_object_or_404(OutboxMessage, pk=message_id).attachments
    if number >= len(files):
        raise Http404
    found = Attachment(**files[number])
    response = HttpResponse(found.content(), content_type=found.content_type)
    response.headers["Content-Disposition"] = content_disposition_header(True, found.name) or "attachment"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
