"""Logo and accent colours, from our own origin: the content security policy knows no other."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from billing.foundation.site.look import stylesheet, stylesheet_name
from billing.foundation.site.models import SiteLogo
from billing.foundation.site.selectors import site

FOR_EVER = "public, max-age=31536000, immutable"


@require_safe
def logo(request: HttpRequest, name: str) -> HttpResponse:
    """A picture by the hash of its bytes; former ones are there for mails that show them."""
    found = SiteLogo.objects.filter(name=name).first()
    if found is None:
        raise Http404("no such picture")
    response = HttpResponse(bytes(found.data), content_type=found.content_type)
    response["Cache-Control"] = FOR_EVER
    return response


@require_safe
def look(request: HttpRequest, name: str) -> HttpResponse:
    """The stylesheet of the accent. A process that has not heard of a change yet serves what it has, kept by nobody."""
    of = site()
    if not (text := stylesheet(of)):
        raise Http404("the colours are those that are shipped")
    response = HttpResponse(text, content_type="text/css; charset=utf-8")
    response["Cache-Control"] = FOR_EVER if name == stylesheet_name(of) else "no-store"
    return response
