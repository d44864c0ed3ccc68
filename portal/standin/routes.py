"""Which function answers which path."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from portal.standin.errors import ApiError, Json
from portal.standin.params import check_names
from portal.standin.world import World

Answer = Callable[..., Json]


@dataclass(frozen=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    answer: Answer
    names: str | None  # the SDK's class of parameters


_routes: list[Route] = []


def route(method: str, path: str, names: str | None = None) -> Callable[[Answer], Answer]:
    """`@route("POST", "refunds/{id}", "RefundModifyParams")`: called with world, parameters and parts of the path."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))

    def keep(answer: Answer) -> Answer:
        _routes.append(Route(method, pattern, answer, names))
        return answer

    return keep


def call(world: World, method: str, path: str, params: Json) -> Json:
    for known in _routes:
        if known.method == method and (match := known.pattern.fullmatch(path)):
            if known.names:
                check_names(params, known.names)
            return known.answer(world, params, **match.groupdict())
    raise ApiError(f"Unrecognized request URL ({method}: /v1/{path}).", status=404)


def readable(
    path: str, kind: str, listing: str | None = None, where: Callable[[Json, Json], bool] | None = None
) -> None:
    """`GET path` and `GET path/{id}`. `where(object, params)` filters by what is no plain field."""
    from portal.standin.listing import page_of

    def retrieve(world: World, params: Json, id: str) -> Json:
        return world.get(kind, id)

    def list_all(world: World, params: Json) -> Json:
        return page_of(world.store.look(kind)[::-1], params, f"/v1/{path}", where)

    route("GET", f"{path}/{{id}}")(retrieve)
    if listing:
        route("GET", path, listing)(list_all)


def known_paths() -> list[tuple[str, str]]:
    return sorted((known.method, known.pattern.pattern) for known in _routes)
