"""Every page of a workspace: the routes whose address names one."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import IntConverter

from accounts.models import Workspace

MADE_UP = 7_000_000


def workspace_routes() -> dict[str, dict[str, object]]:
    """By name, what each address names besides the workspace: made up, so that nothing of it exists."""
    return dict(sorted(_found(get_resolver(), "")))


def address(name: str, workspace: Workspace, /, **named: object) -> str:
    return reverse(name, kwargs={"workspace_id": workspace.public_id, **named})


def _found(
    resolver: URLResolver, prefix: str, outer: Mapping[str, object] = MappingProxyType({})
) -> Iterator[tuple[str, dict[str, object]]]:
    for each in resolver.url_patterns:
        named = {**outer, **each.pattern.converters}
        if isinstance(each, URLResolver):
            if each.app_name != "admin":
                yield from _found(each, f"{prefix}{each.namespace}:" if each.namespace else prefix, named)
        elif isinstance(each, URLPattern) and "workspace_id" in named:
            assert each.name, each.pattern
            del named["workspace_id"]
            yield (
                prefix + each.name,
                {name: MADE_UP if isinstance(kind, IntConverter) else "made-up" for name, kind in named.items()},
            )
