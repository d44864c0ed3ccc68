"""Lists of the admin that stay quick however much there is."""

from datetime import UTC, datetime, time
from typing import Any

from django.contrib.admin import AllValuesFieldListFilter, RelatedFieldListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.utils import parse_date_str

MOST = 50
ENDS = ("from", "to")


class FewFilter(RelatedFieldListFilter):
    """Offers what a row can belong to, as long as a person can choose among it; of more, search finds the rows."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        related = field.remote_field.model._default_manager
        if related.order_by()[: MOST + 1].count() > MOST:
            return []
        return list(super().field_choices(field, request, model_admin))


class FewValuesFilter(AllValuesFieldListFilter):
    """Offers the first of the values that occur."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lookup_choices = self.lookup_choices[:MOST]


class DaysFilter(RangeDateFilter):
    """From a day to a day, both whole, in UTC."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = (parse_date_str(str(self.used_parameters.get(f"{self.field_path}_{end}") or "")) for end in ENDS)
        if first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": datetime.combine(first, time(), UTC)})
        if last:
            queryset = queryset.filter(**{f"{self.field_path}__lte": datetime.combine(last, time.max, UTC)})
        return queryset
