"""What a portal link opens. Looking does not use it up, so previews and virus scanners take nothing away."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import visits
from accounts.services.portal_links import portal_link_by_token, portal_link_use, usable


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def portal(request: HttpRequest, token: str) -> HttpResponse:
    """A page with one button; pressing it signs the person in, for the link's workspace only."""
    link = portal_link_by_token(token)
    if link is None:
        return render(request, "accounts/portal_gone.html", status=404)
    if request.method == "POST" and portal_link_use(link=link, request=request):
        visits.begin(request, link)
        return redirect(link.path)
    if request.method == "POST" or not usable(link):
        return render(request, "accounts/portal_gone.html", {"link": link}, status=410)
    other = request.user if request.user.is_authenticated and request.user.pk != link.user_id else None
    context = {"link": link, "hours": visits.LASTS.seconds // 3600, "other": other}
    return render(request, "accounts/portal.html", context)
