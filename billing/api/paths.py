"""Ids of the callers' own choosing in paths."""

from django.urls import register_converter
from django.urls.converters import StringConverter


class AnyText(StringConverter):
    """Like Django's `path`, but an id may also have a line break in it."""

    regex = r"[\s\S]+"


register_converter(AnyText, "any")
