"""What is inside: the books, periodic work, prices, waiting messages, the settings for production."""

import time
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.core import checks

from billing.credits import clock
from billing.foundation.due.standing import standings
from billing.foundation.operators import operators
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import needs_a_person
from billing.ledger.alarm import JOB, standing_alarm
from billing.ledger.trial.balance import trial_balance
from billing.metering.unrated.waiting import how_many
from billing.pricing.alarm import standing_alarms
from portal.doctor.findings import Finding, note, ok, wrong
from portal.home import home
from portal.static_files import is_collected

# Django's checks that say no more than that SITE_URL is not https.
OF_TLS = ("security.W004", "security.W008", "security.W012", "security.W016")
OLD_BACKUP = timedelta(days=2)
ADD_UP = "docs/operations.md, “When the ledger does not add up”, says what to do."


def deployment() -> Iterator[Finding]:
    """Django's and our own checks of the settings."""
    if settings.DEMO:
        yield note("settings", "a demo: example data, simulated payments", "With DATABASE_URL set there is no demo.")
    encrypted = settings.DEMO or settings.SITE_URL.startswith("https:")
    if not encrypted:
        fix = "Put a proxy with TLS in front, and set SITE_URL=https://…"
        yield wrong("settings", f"{settings.SITE_URL} is not encrypted: cookies and keys can be read on the way", fix)
    found = [
        message
        for message in checks.run_checks(include_deployment_checks=not settings.DEMO)
        if message.level >= checks.WARNING and not message.is_silenced() and (encrypted or message.id not in OF_TLS)
    ]
    for message in found:
        yield wrong("settings", message.msg, message.hint or f"See {message.id} in Django's system checks.")
    if encrypted and not found:
        yield ok("settings", "nothing to object to")
    if not is_collected():
        yield wrong("static files", "not collected since they changed", "Run manage.py prepare, then restart the web.")


def ledger() -> Iterator[Finding]:
    """What the last verification found, and whether every credit is accounted for now."""
    if alarm := standing_alarm():
        yield wrong("ledger", alarm, ADD_UP)
    began = time.monotonic()
    trial = trial_balance()
    if trial.problems:
        yield wrong("trial balance", trial.problems[0].detail, ADD_UP)
    else:
        took = time.monotonic() - began
        yield ok("ledger", f"every credit of {trial.workspaces:,} workspaces is accounted for ({took:.1f} s)")


def due_work() -> Iterator[Finding]:
    found = standings(clock.now())
    for each in found:
        if each.health == "failing":
            fix = ADD_UP if each.job.name == JOB else "The log says more. Admin, “Due work”, runs it at once."
            yield wrong("due work", f"{each.job.name}: {each.row.last_error.splitlines()[0]}", fix)
    if late := [each.job.name for each in found if each.health == "late"]:
        names = ", ".join(late[:3]) + (f" and {len(late) - 3} more" if len(late) > 3 else "")
        yield wrong("due work", f"late: {names}", "Are worker and beat running? See above.")
    if all(each.health not in ("failing", "late") for each in found):
        yield ok("due work", f"{len(found)} jobs are on time")


def prices() -> Iterator[Finding]:
    for alarm in standing_alarms():
        yield note("prices", alarm, "Admin, “Price sources” and “Price approvals”.")
    if waiting := how_many():
        yield note(
            "prices", f"{waiting:,} events have no price and are not charged", "Admin, “Events without a price”."
        )
    if not waiting and not standing_alarms():
        yield ok("prices", "sources are well, and every event has its price")


def messages() -> Iterator[Finding]:
    stuck = OutboxMessage.objects.filter(needs_a_person()).count()
    if stuck:
        yield wrong("outbox", f"{stuck:,} messages could not be sent", "Admin, “Outbox”, says why and sends again.")
    if not operators():
        yield wrong("operators", "nobody would be told of an alarm", "Run manage.py createsuperuser.")
    if not stuck and operators():
        yield ok("outbox", "no message needs a person")


def backups() -> Iterator[Finding]:
    """Only those that this machine wrote into the home are seen."""
    written = [file.stat().st_mtime for file in (home() / "backups").glob("purser-*.tar")]
    if not written:
        yield note("backups", "none in the home", "Schedule make backup, unless the database is backed up elsewhere.")
        return
    age = timedelta(seconds=max(time.time() - max(written), 0))
    words = f"the newest in the home is {age.total_seconds() / 3600:.0f} h old"
    yield ok("backups", words) if age < OLD_BACKUP else note("backups", words, "Schedule make backup.")
