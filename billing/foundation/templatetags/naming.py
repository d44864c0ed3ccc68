"""Fixed texts with the operator's name for credits."""

from django import template

from billing.foundation.site import naming

register = template.Library()


@register.filter
def named(text: object) -> str:
    """`{{ category.title|named }}`, and for what is handed on: `title="No credits yet"|named`."""
    return naming.named(str(text))
