"""The operator's own prices and models: dated rows that win over every catalogue. History is never edited.

A new price closes the line before it and opens another. Since one source decides all lines of a meter of a model, the
first own price of a meter takes its other variants over as they are, so that none of them loses its price.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit import services as audit
from billing.pricing import book
from billing.pricing.display import TYPICAL
from billing.pricing.lines import dims_key, line_of, withdraw
from billing.pricing.models import CatalogModel, Meter, PriceLine
from billing.pricing.notice import NOTICE, TICK, Charged, Moments, dearer
from billing.pricing.services import changed, only_one
from billing.pricing.sources.rows import PriceRow
from billing.pricing.tariff import ModelPrices, TariffLine
from billing.pricing.variants import BadVariant, parse_variant, variant_text

SOURCE = "operator"
PLATFORM = "platform"
# A form may lie open for a while: an instant that has passed meanwhile means the soonest there is.
FORM_LIES_OPEN = timedelta(hours=1)
MODALITIES = (*TYPICAL,)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]*(/[A-Za-z0-9._:@+-]+)*")
LARGEST = Decimal(10) ** 9


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A price that the operator wants: `price` USD for `per` units.

    `effective_from` None: as soon as it may, the first price of a meter since ever. `customers_told`: a rise need not
    wait for the notice hours. `unit`, when it is given, must be the meter's.
    """

    provider: str
    model: str
    meter: str
    price: Decimal
    per: int
    unit: str = ""
    variant: str = ""  # "resolution=1080p, audio=yes"
    effective_from: datetime | None = None
    customers_told: bool = False


@dataclass(frozen=True)
class PriceEntry:
    """What entering a wish does."""

    row: PriceRow
    starts: datetime | None  # None: since ever, the first price of its meter
    replaced: PriceLine | None  # the operator's own line that it ends
    paid: TariffLine | None  # what is charged until then, whoever says so
    taken_over: Sequence[PriceLine]  # other variants of the meter, which become the operator's as they are


def price_check(wish: Wish, *, now: datetime | None = None) -> PriceEntry:
    """What `price_set` would do. Raises ValidationError with a message for each field that is wrong."""
    now = now or clock.now()
    row = _row(wish)
    known = Charged([row])
    paid = known.line(row, now)
    replaced = _own(row).filter(dims_key=dims_key(row.dims)).first()
    rises, first = known.rises(row, now), known.is_first(row, SOURCE, now)
    starts = _starts(Moments(now), row, wish, rises=rises and not wish.customers_told, first=first)
    if replaced is not None and replaced.effective_from and starts and replaced.effective_from >= starts:
        raise ValidationError(
            {
                "effective_from": f"A price from {_instant(replaced.effective_from)} on is entered already. "
                "Choose a later instant, or retire that one first."
            }
        )
    taken_over = [] if first or _own(row).exists() else _others(row, starts or now)
    return PriceEntry(row, starts, replaced, paid, taken_over)


def price_set(
    wish: Wish, *, by: User | str, reason: str = "", now: datetime | None = None, request: HttpRequest | None = None
) -> PriceLine:
    """Enter a price. Raises ValidationError, and then changes nothing."""
    with transaction.atomic():
        only_one()
        entry = price_check(wish, now=now)
        if entry.replaced is not None and entry.starts is not None:
            entry.replaced.effective_to, entry.replaced.reason = entry.starts, "replaced by the operator"
            entry.replaced.save(update_fields=["effective_to", "reason"])
        for other in entry.taken_over:
            line = line_of(_as_row(other), None, entry.starts, reason=f"taken over from {other.source}")
            line.markup_percent = other.markup_percent
            line.save()
        line = line_of(entry.row, None, entry.starts, reason="entered by the operator")
        line.save()
        audit.record(
            action="price.entered",
            actor=by,
            target=str(line),
            before={"price": _usd(entry.replaced)} if entry.replaced else None,
            after={"price": _usd(line), "effective_from": line.effective_from, "variant": variant_text(line.dims)},
            reason=reason,
            request=request,
        )
        changed()
    return line


def price_retire(
    *, line_id: int, by: User | str, reason: str = "", now: datetime | None = None, request: HttpRequest | None = None
) -> list[PriceLine]:
    """End the operator's prices of the meter that the line is of, all variants: the next source decides again, after
    the notice hours if that is dearer. (One variant alone would leave the others without the catalogue's plain price.)

    A price that has not begun is withdrawn instead, with what was taken over for it, and the one before goes on.
    Returns the lines that end. Raises ValidationError, PriceLine.DoesNotExist.
    """
    with transaction.atomic():
        only_one()
        now = now or clock.now()
        line = PriceLine.objects.get(pk=line_id)
        ending, starts = retiring(line, now)
        for each in ending:
            if starts is None:
                _withdraw(each)
            else:
                each.effective_to, each.reason = starts, "retired by the operator"
                each.save(update_fields=["effective_to", "reason"])
        audit.record(
            action="price.retired",
            actor=by,
            target=str(line),
            before={"prices": [f"{variant_text(each.dims)} {_usd(each)}".strip() for each in ending]},
            after={"effective_to": starts},
            reason=reason,
            request=request,
        )
        changed()
    return ending


def retiring(line: PriceLine, now: datetime) -> tuple[list[PriceLine], datetime | None]:
    """The lines that end with `line`, and when; None: they have not begun and never will. Raises ValidationError."""
    if line.source != SOURCE or line.status != PriceLine.Status.ACTIVE:
        raise ValidationError("Only the operator's own prices are retired here; others follow their source.")
    if line.effective_to is not None:
        raise ValidationError(f"This price ends at {_instant(line.effective_to)} already.")
    own = list(_own(line).order_by("pk"))
    if not _has_begun(line, now):
        return [each for each in own if each.effective_from == line.effective_from], None
    if ahead := [each for each in own if not _has_begun(each, now)]:
        raise ValidationError(
            f"A price from {_instant(ahead[0].effective_from or now)} on is entered: retire it first."
        )
    left = Charged(own, without={each.pk for each in own})
    rises = any(dearer(paid, each) for each in own for paid in left.follows(each, now))
    soonest = now + (Moments(now).notice if rises else NOTICE)
    return own, max([soonest, *(each.effective_from + TICK for each in own if each.effective_from)])


def model_add(
    *,
    provider: str,
    model: str,
    name: str,
    modality: str,
    context_window: int | None = None,
    by: User | str,
    request: HttpRequest | None = None,
) -> CatalogModel:
    """A model that no catalogue has; it is listed once it has a price. Raises ValidationError."""
    provider, model, name = provider.strip().lower(), model.strip(), name.strip()
    wrong = {}
    if not NAME.fullmatch(provider) or "/" in provider or provider == PLATFORM:
        wrong["provider"] = "A short name of letters, digits, - and _, such as acme; “platform” is Purser's own."
    if not NAME.fullmatch(model):
        wrong["model"] = "What usage will name: letters, digits and . _ : @ + - and /, without spaces."
    elif CatalogModel.objects.filter(provider__iexact=provider, model__iexact=model).exists():
        wrong["model"] = f"There is a model {provider}/{model} already."
    if not name:
        wrong["name"] = "The name that customers read."
    if modality not in MODALITIES:
        wrong["modality"] = f"One of {', '.join(MODALITIES)}."
    if wrong:
        raise ValidationError(wrong)
    with transaction.atomic():
        made = CatalogModel(
            provider=provider,
            model=model,
            name=name,
            modality=modality,
            context_window=context_window,
            source=SOURCE,
        )
        made.full_clean(exclude=["aliases"])
        made.save()
        audit.record(action="price.model", actor=by, target=str(made), after={"modality": modality}, request=request)
        changed()
    return made


def _row(wish: Wish) -> PriceRow:
    """The wish as a row, with every field checked."""
    model, price, per = wish.model, wish.price, wish.per
    provider = wish.provider if model else PLATFORM
    wrong: dict[str, str] = {}
    known = Meter.objects.filter(pk=wish.meter).first()
    if known is None:
        wrong["meter"] = f"There is no meter “{wish.meter}”. Add it under Meters first."
    elif known.platform == bool(model):
        wrong["meter"] = (
            f"{known.label} are counted without a model." if known.platform else f"{known.label} need a model."
        )
    elif wish.unit and wish.unit != known.unit:
        wrong["unit"] = f"{known.label} are counted by the {known.unit}, not by the {wish.unit}."
    if model and not CatalogModel.objects.filter(provider=provider, model=model).exists():
        wrong["model"] = f"There is no model {provider or '?'}/{model}. Add it under Models first."
    if not price.is_finite() or price < 0:
        wrong["price"] = "A price is zero or more US dollars."
    elif price >= LARGEST or price != round(price, 15):
        wrong["price"] = "At most nine digits before the point and fifteen behind it."
    if not 0 < per <= 10**12:
        wrong["per"] = "The number of units that the price is for, at least 1."
    try:
        dims = parse_variant(wish.variant)
    except BadVariant as problem:
        wrong["variant"] = str(problem)
    if wrong or known is None:
        raise ValidationError(wrong)
    return PriceRow(provider, model, known.key, known.unit, price, per, tuple(sorted(dims.items())))


def _starts(moments: Moments, row: PriceRow, wish: Wish, *, rises: bool, first: bool) -> datetime | None:
    wanted = wish.effective_from
    if wanted is None:
        return None if first else moments.start(row, rises=rises)
    if wanted < moments.now - FORM_LIES_OPEN:
        raise ValidationError({"effective_from": "That is over: a price never changes for what was used before."})
    soonest = moments.now + NOTICE
    if rises and wanted < moments.now + moments.notice:
        raise ValidationError(
            {
                "effective_from": f"This is dearer than what is charged now, and customers are told before: from "
                f"{_instant(moments.now + moments.notice)} on, or say that they know."
            }
        )
    return max(wanted, soonest)


def _own(row: PriceRow | PriceLine) -> QuerySet[PriceLine]:
    return PriceLine.objects.filter(
        source=SOURCE,
        provider=row.provider,
        model=row.model,
        meter=row.meter,
        status=PriceLine.Status.ACTIVE,
        effective_to=None,
    )


def _others(row: PriceRow, at: datetime) -> list[PriceLine]:
    """Lines of the meter, of the source that decides it until `at`, for variants other than that of `row`."""
    points = [book.point_of(line) for line in _of_model(row.provider, row.model)]
    current = ModelPrices(row.provider, row.model, points).current(at - TICK)
    ids = [point.price_id for point in current if point.meter == row.meter]
    lines = PriceLine.objects.filter(pk__in=ids).exclude(source=SOURCE).order_by("pk")
    return [line for line in lines if dims_key(line.dims.items()) != dims_key(row.dims)]


def _of_model(provider: str, model: str) -> QuerySet[PriceLine]:
    lines = PriceLine.objects.filter(provider=provider, model=model, status=PriceLine.Status.ACTIVE)
    return lines.order_by("pk")


def _has_begun(line: PriceLine, now: datetime) -> bool:
    """Or will, before every process has heard of anything else."""
    return line.effective_from is None or line.effective_from <= now + NOTICE


def _withdraw(line: PriceLine) -> None:
    withdraw(line)
    before = PriceLine.objects.filter(
        source=SOURCE,
        provider=line.provider,
        model=line.model,
        meter=line.meter,
        dims_key=line.dims_key,
        status=PriceLine.Status.ACTIVE,
        effective_to=line.effective_from,
    )
    before.update(effective_to=None, reason="")


def _as_row(line: PriceLine) -> PriceRow:
    dims = tuple(sorted(line.dims.items()))
    return PriceRow(line.provider, line.model, line.meter, line.unit, line.price, line.per, dims)


def _usd(line: PriceLine | None) -> str:
    return f"{line.price.normalize():f} per {line.per}" if line else ""


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
