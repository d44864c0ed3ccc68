"""Filters of the admin's lists that hold what a figure counts."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

from billing.ledger.accounts import ISSUED
from billing.ledger.models import OF_REQUESTS, Lot, LotTake, Transfer


class IssuedFilter(admin.SimpleListFilter):
    """What brought in credits that were sold, or given; and what took them out of the books again."""

    title = "what came in"
    parameter_name = "issued"
    sources = {"sold": (Lot.Source.BOUGHT,), "granted": (Lot.Source.PLAN, Lot.Source.PROMOTION)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("sold", "Sold"), ("granted", "Granted by plans and as promotion")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Transfer]) -> QuerySet[Transfer]:
        sources = self.sources.get(self.value() or "")
        if sources is None:
            return queryset
        came = Lot.objects.filter(workspace=OuterRef("workspace"), seq=OuterRef("seq"), source__in=sources)
        went = LotTake.objects.filter(transfer=OuterRef("pk"), lot__source__in=sources)
        # No request brings anything in; saying so lets the index over the others answer.
        return queryset.exclude(kind__in=OF_REQUESTS).filter(
            Q(Exists(came), debit=ISSUED) | Q(Exists(went), credit=ISSUED)
        )
