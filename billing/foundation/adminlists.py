"""Lists of the admin that stay quick however much there is."""

from typing import Any

from django.contrib.admin import AllValuesFieldListFilter, RelatedFieldListFilter
from django.http import HttpRequest

MOST = 50


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
