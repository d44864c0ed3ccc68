"""Reading with few and with many events: the same requests, inside this process, workspace after workspace in turns.

    make bench ARGS="--only reading"

Three workspaces over the same days: ten thousand events, ten million, and many of which each comes from an agent of
its own. Without HTTP and web server around them, so a difference shows more than it would from outside. Runs inside
Django.
"""

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from accounts.scopes import WORKSPACE_SCOPES, KeyKind
from accounts.services.keys import api_key_create
from benchmarks.readings import Read
from benchmarks.seeded import Shape, seed
from billing.foundation.site.models import SiteSettings
from billing.pricing.testing import import_demo_prices

MOST = 1.2  # × what it takes with few events
FEW = "few"
HELD_TO = ("summary", "overview")
API = {
    "summary": "/api/v1/credits/summary",
    "breakdown by agent": "/api/v1/usage/breakdown?by=agent",
    "breakdown by day": "/api/v1/usage/breakdown?by=day",
    "latest events": "/api/v1/usage/events",
}
PAGES = {
    "overview": "",
    "usage page": "usage",
    "usage by agent": "usage?by=agent",
    "activity": "activity",
    "credits page": "credits",
    "keys page": "keys",
}


def measure(*, few: int, many: int, agents: int, days: int, rounds: int, tell: Callable[[str], None]) -> list[Read]:
    """Prepares the database and reads from it."""
    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    SiteSettings.objects.get_or_create(pk=1)
    import_demo_prices()
    return reads(seeded(few=few, many=many, agents=agents, days=days, tell=tell), rounds=rounds)


def seeded(*, few: int, many: int, agents: int, days: int, tell: Callable[[str], None]) -> dict[str, Workspace]:
    """The workspaces by name; what is in them is analysed, as PostgreSQL does by itself where autovacuum is on."""
    shapes = {
        FEW: Shape(few, days),
        f"{many:,} events": Shape(many, days),
        f"{agents:,} agents": Shape(agents, days, 0),
    }
    found = {}
    for name, shape in shapes.items():
        tell(f"Seeding {shape.events:,} events …")
        found[name] = seed(name, shape)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    return found


def reads(workspaces: Mapping[str, Workspace], *, rounds: int) -> list[Read]:
    """Every request in `rounds` turns over all workspaces, after one that fills the caches."""
    user = User.objects.create_user("reader@example.com", None)
    keys = {}
    for name, workspace in workspaces.items():
        Membership.objects.create(workspace=workspace, user=user, role=Role.OWNER)
        _, keys[name] = api_key_create(
            kind=KeyKind.WORKSPACE, workspace=workspace, name="bench", scopes=WORKSPACE_SCOPES
        )
    person = Client()
    person.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    requests: dict[str, dict[str, Callable[[], Any]]] = {}
    for name, path in API.items():
        requests[name] = {of: _get(Client(headers={"Authorization": f"Bearer {keys[of]}"}), path) for of in workspaces}
    for name, path in PAGES.items():
        requests[name] = {of: _get(person, f"/w/{each.public_id}/{path}") for of, each in workspaces.items()}
    return [_read(name, each, rounds) for name, each in requests.items()]


def _get(client: Client, path: str) -> Callable[[], Any]:
    def get() -> None:
        answer = client.get(path)
        if answer.status_code != 200:
            raise SystemExit(f"bench: {path} was answered with {answer.status_code}")

    return get


def _read(name: str, requests: Mapping[str, Callable[[], Any]], rounds: int) -> Read:
    times: dict[str, list[float]] = {of: [] for of in requests}
    for turn in range(rounds + 1):
        for of, get in requests.items():
            started = perf_counter()
            get()
            if turn:
                times[of].append((perf_counter() - started) * 1000)
    pages = {of: touched(get) for of, get in requests.items()}
    target = MOST if name in HELD_TO else None
    return Read(name, {of: median(each) for of, each in times.items()}, pages, target)


def touched(read: Callable[[], Any]) -> int:
    """Pages of the database that the queries of `read` touch, by EXPLAIN (ANALYZE, BUFFERS) of each of them. Those
    of the ledger, which go past Django's cursors, are not among them.
    """
    with CaptureQueriesContext(connection) as queries:
        read()
    pages = 0
    with connection.cursor() as cursor:
        for query in queries.captured_queries:
            if query["sql"].lstrip().startswith(("SELECT", "WITH")) and "FOR " not in query["sql"]:
                cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query["sql"])
                ((plans,),) = cursor.fetchall()
                pages += plans[0]["Plan"]["Shared Hit Blocks"] + plans[0]["Plan"]["Shared Read Blocks"]
    return pages
