"""Models & pricing of a workspace: the list, up to four side by side, one model, the list as a file."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.roles import Permission
from billing.foundation.site.selectors import site
from billing.overview.modelpage import model_page
from billing.overview.page import page
from billing.overview.pricecompare import candidates, comparison
from billing.overview.pricelist import chosen_names, price_list, shown
from billing.overview.pricequery import CURRENCIES, MOST_SEARCH, SCALES, SORTS, Asked, asked_of
from billing.overview.pricereader import Reader
from billing.overview.pricescsv import prices_csv
from billing.pricing.detail import canonical, model_detail
from billing.pricing.selectors import BadCursor, platform_prices
from billing.voices.clones.selectors import Catalogue
from billing.voices.clones.selectors import catalogue as voice_catalogue

ROWS = 50
FRAME = "app.html"


@page
def models(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    return list_page(request, Reader(request.workspace), FRAME, voices=voice_catalogue())


@page
def compare(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    return compare_page(request, Reader(request.workspace), FRAME)


@page
def model(request: WorkspaceRequest, workspace_id: str, ref: str) -> HttpResponse:
    return one_page(request, Reader(request.workspace), FRAME, ref)


@require_safe
@workspace_page(Permission.VIEW)
def models_csv(request: WorkspaceRequest, workspace_id: str) -> HttpResponseBase:
    """What the list shows, on all its pages."""
    return prices_csv(request.GET, Reader(request.workspace))


def list_page(request: HttpRequest, reader: Reader, frame: str, *, voices: Catalogue | None = None) -> HttpResponse:
    """`voices`: those that everybody can use, for a reader who may listen to them."""
    try:
        found = price_list(request.GET, reader=reader, limit=ROWS)
    except BadCursor as error:
        raise Http404("no such page of the price list") from error
    asked = found.asked
    names = chosen_names(asked.chosen)
    context = {
        **_context(request, reader, frame, asked),
        "models": found,
        "platform": [shown(price, SCALES[asked.scale]) for price in platform_prices(terms=reader.terms)],
        "voices": voices,
        "sorts": [(key, text) for key, text in SORTS.items() if key != "cost" or found.works],
        "chosen": [
            (ref, name, asked.link(chosen=tuple(other for other in asked.chosen if other != ref)))
            for ref, name in names.items()
        ],
        "compare_url": f"{reader.urls['compare']}?{compare_query(asked)}",
        "next": asked.link(cursor=found.next_cursor) if found.next_cursor else "",
        "first": asked.link() if asked.cursor else "",
        "csv_query": asked.link(chosen=()),
        "clear": asked.link(search="", provider="", modality="", free=False, low=None, high=None),
    }
    return _answer(request, "overview/models.html", "price-list", "list", context)


def compare_page(request: HttpRequest, reader: Reader, frame: str) -> HttpResponse:
    asked = _asked(request, reader)
    search = request.GET.get("add", "").strip()[:MOST_SEARCH].replace("\x00", "")
    found = comparison(asked, reader)
    if added := canonical(search):  # somebody knows what it is called
        refs = dict.fromkeys([*found.refs, added])
        return redirect(f"{request.path}?{asked.link(chosen=tuple(refs))}")
    address = compare_query(asked)
    if not search and request.GET.keys() - {"m", "per", "in", "differ"}:  # what the list sends along is no part of it
        return redirect(f"{request.path}?{address}")
    differ = "differ" in request.GET
    context = {
        **_context(request, reader, frame, asked),
        "found": found,
        "differ": differ,
        "differ_query": address if differ else f"{address}&differ=1",
        "rows": [row for row in found.prices if row.differs or not differ],
        "search": search,
        "candidates": [
            (listing, asked.link(chosen=(*found.refs, listing.ref))) for listing in candidates(search, asked)
        ],
    }
    return _answer(request, "overview/compare.html", "candidates", "candidates", context)


def compare_query(asked: Asked) -> str:
    """The address of a comparison, short enough to be passed on."""
    return urlencode([pair for pair in asked.query() if pair[0] in ("m", "per", "in")])


def one_page(request: HttpRequest, reader: Reader, frame: str, ref: str) -> HttpResponse:
    if "\x00" in ref or (detail := model_detail(ref, terms=reader.terms)) is None:
        raise Http404("no such model")
    if detail.listing.ref != ref:
        return redirect(reader.model_url(detail.listing.ref))
    asked = _asked(request, reader)
    context = {
        **_context(request, reader, frame, asked),
        "page": model_page(detail, asked, reader),
        "compare_query": asked.link(chosen=(detail.listing.ref, *(other.ref for other in detail.elsewhere[:3]))),
    }
    return render(request, "overview/model.html", context)


def _asked(request: HttpRequest, reader: Reader) -> Asked:
    return asked_of(request.GET, providers=(), modalities=(), own=not reader.public)


def _context(request: HttpRequest, reader: Reader, frame: str, asked: Asked) -> dict[str, object]:
    face = site().usd_per_credit
    return {
        "nav": "models",
        "frame": frame,
        "reader": reader,
        "urls": reader.urls,
        "asked": asked,
        "scales": [(key, text, asked.in_units(usd_per_credit=face, scale=key)) for key, (_, text) in SCALES.items()],
        "currencies": [(key, asked.in_units(usd_per_credit=face, currency=key)) for key in CURRENCIES],
        "credits": site().credit_name_plural,
    }


def _answer(request: HttpRequest, template: str, target: str, part: str, context: dict[str, object]) -> HttpResponse:
    """Whole, or the part that htmx asks for."""
    return render(request, f"{template}#{part}" if request.htmx.target == target else template, context)  # type: ignore[attr-defined]
