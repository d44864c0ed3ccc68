"""Makes an installation ready to start: run by `make run`, and by hand in deployments that run the parts themselves."""

import io
import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.migrations.executor import MigrationExecutor

from billing.gateway.checks import check_payments
from billing.gateway.endpoint import connect, is_connected
from billing.gateway.errors import Unavailable
from billing.ledger.worth.sums import days_catch_up
from billing.packs.x402.checks import check_crypto
from billing.pricing.models import CatalogModel, PriceLine
from portal.demo.seed import demo_seed
from portal.demo.story import Scale
from portal.run.report import say_in_between, step
from portal.settings.env import env
from portal.static_files import collect_if_changed
from portal.upgrades import HINT, stopped_here

LOCK = 0x507572736572  # any number, the same in every process of an installation
PAUSE = 0.5  # seconds


class Command(BaseCommand):
    help = "Migrate, collect static files, import the bundled prices, seed a demo, sum up the ledger. Safe to repeat."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        # Several machines may start at once on one database. Who waits does so between statements: an index that is
        # made while requests go on waits for every statement that runs.
        with connection.cursor() as cursor:
            while not _locked(cursor):
                time.sleep(PAUSE)
            try:
                self._prepare()
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])

    def _prepare(self) -> None:
        with step("migrations") as outcome:
            outcome(f"{_migrate()} applied")
        with step("static") as outcome:
            outcome("collected" if collect_if_changed() else "unchanged")
        with step("prices") as outcome:
            outcome(_prices())
        with step("payments") as outcome:
            outcome(_payments())
        if settings.DEMO:
            with step("demo") as outcome:
                scale = Scale(days=env.int("PURSER_DEMO_DAYS", Scale.days))
                outcome(f"workspace {demo_seed(scale=scale, say=say_in_between).workspace}")
        # An upgrade may begin them: the first who looks at the money would read the whole history.
        with step("sums") as outcome:
            days_catch_up()
            outcome("up to date")


def _locked(cursor: CursorWrapper) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
    return bool(cursor.fetchone()[0])


def _migrate() -> int:
    if stopped := stopped_here():
        raise CommandError(f"{stopped} {HINT}")
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        call_command("migrate", interactive=False, verbosity=0)
    else:
        executor.check_replacements()  # whoever has all that was replaced has what replaces it
    call_command("createcachetable", verbosity=0)
    return len(plan)


def _payments() -> str:
    """Refuse real money where payments are simulated; connect the stand-in, which is always there."""
    wrong = [*check_payments(), *check_crypto()]
    if wrong:
        raise CommandError(" ".join(f"{error.msg} {error.hint}" for error in wrong))
    if settings.SIMULATED_PAYMENTS:
        try:
            connect()
        except Unavailable:
            return "simulated, but only make run starts what simulates them"
        return "simulated: no card is charged, no money moves"
    if not settings.STRIPE_SECRET_KEY:
        return "not connected to Stripe"
    mode = "live" if settings.STRIPE_LIVE_MODE else "test mode"
    return f"Stripe, {mode}" + ("" if is_connected() else "; run manage.py stripe_connect to get its webhooks")


def _prices() -> str:
    """Import the catalogues that come with Purser; no start waits for a network. One that is refused leaves the prices
    as they were: no reason not to start.
    """
    try:
        call_command("prices_import", "--offline", stdout=io.StringIO())
    except SystemExit:
        return "an import was refused, the prices stay as they were; see manage.py prices_import"
    in_force = PriceLine.objects.filter(status=PriceLine.Status.ACTIVE, effective_to=None).count()
    return f"{in_force:,} prices of {CatalogModel.objects.count():,} models"
