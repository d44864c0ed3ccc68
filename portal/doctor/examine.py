"""All examinations in the order in which one depends on another."""

from collections.abc import Iterator

from portal.doctor import crypto, inside, outside, services
from portal.doctor.findings import Examination, Finding, first_line, wrong

FIRST: tuple[Examination, ...] = (services.database, services.migrations)
REST: tuple[Examination, ...] = (
    services.this_clock,
    services.connections,
    services.this_cache,
    services.broker,
    services.worker_and_beat,
    outside.address,
    outside.mail,
    outside.payments,
    outside.webhook_address,
    crypto.usdc,
    inside.deployment,
    inside.due_work,
    inside.ledger,
    inside.prices,
    inside.messages,
    inside.backups,
)


def examine(*, mail_to: str = "") -> Iterator[Finding]:
    """What is found, as it is found. Nothing is changed but a cache key, a look for due work, and a message if
    `mail_to` asks for one. Without a database that is up to date nothing else is looked at.
    """
    for examination in FIRST:
        healthy = True
        for finding in _guarded(examination):
            healthy &= finding.state != "wrong"
            yield finding
        if not healthy:
            return
    for examination in REST:
        yield from _guarded(examination)
    if mail_to:
        yield from outside.test_message(mail_to)


def _guarded(examination: Examination) -> Iterator[Finding]:
    """An examination that breaks is a finding itself, and does not keep the others from being made."""
    try:
        yield from examination()
    except Exception as error:  # whatever is wrong with the installation
        name = examination.__name__.removeprefix("this_").replace("_", " ")
        yield wrong(name, f"could not be examined: {type(error).__name__}: {first_line(error)}", "See the log.")
