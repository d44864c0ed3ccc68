"""Delivering what is due: requests in threads, rows in the one that began, so that a slow receiver holds up nobody."""

import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from cryptography.fernet import InvalidToken
from django.conf import settings

from billing.alerts.webhooks.addresses import Network, networks
from billing.alerts.webhooks.claiming import Claimed, claim, claimable, keep
from billing.alerts.webhooks.emitting import hint
from billing.alerts.webhooks.keeping import read_secret
from billing.alerts.webhooks.sending import TOTAL_SECONDS, Answer, post
from billing.alerts.webhooks.signing import signed_headers
from billing.foundation import hostclock
from billing.foundation.alone import alone

LOCK = "webhooks"
AT_ONCE = 16  # endpoints; one request of each
# Of those that failed last time. They have places of their own: however many of them hang, the others do not wait.
FAILING_AT_ONCE = 4
# Seconds, after which a run begins nothing more, for a worker has other things to do; and of those that failed last
# time so much earlier that they have ended by then, whatever they do.
AT_MOST, FAILING_AT_MOST = 30.0, 30.0 - TOTAL_SECONDS
LOOK_EVERY = 0.5  # seconds, for what has become due while requests are under way


def deliver_due() -> int:
    """Attempt what is due; how many attempts were made. Must not be called within a transaction.

    One process of all does this at a time, for it finds whatever the others were asked to deliver: a receiver that is
    slow keeps one worker busy, not all of them.
    """
    with alone(LOCK) as mine:
        made = deliver() if mine else 0
    if made and claimable(hostclock.present()).exists():
        hint()  # its time was over: another worker goes on at once
    return made


def deliver() -> int:
    """As `deliver_due`, whoever else is at it: two never make the same attempt."""
    began, made = time.monotonic(), 0
    flying: dict[Future[Answer], Claimed] = {}
    with ThreadPoolExecutor(AT_ONCE + FAILING_AT_ONCE, thread_name_prefix="webhooks") as pool:
        while True:
            for claimed in _begin(time.monotonic() - began, list(flying.values())):
                flying[pool.submit(attempt, claimed)] = claimed
            if not flying:
                return made
            done, _ = wait(flying, timeout=LOOK_EVERY, return_when=FIRST_COMPLETED)
            for future in done:
                keep(flying.pop(future), future.result(), now=hostclock.present())
                made += 1


def _begin(seconds: float, flying: Sequence[Claimed]) -> list[Claimed]:
    """What may begin so many seconds after the run did."""
    now, begun = hostclock.present(), list[Claimed]()
    for failing, most, until in ((False, AT_ONCE, AT_MOST), (True, FAILING_AT_ONCE, FAILING_AT_MOST)):
        free = most - sum(each.failing == failing for each in flying)
        if seconds < until and free > 0:
            begun += claim(now=now, limit=free, failing=failing)
    return begun


def attempt(claimed: Claimed) -> Answer:
    """Make the request. What cannot be signed has failed like any other attempt, and keeps no other waiting."""
    try:
        signing = [read_secret(stored) for stored in claimed.secrets]
    except InvalidToken:
        return Answer(None, "The signing secret cannot be read any more (was SECRET_KEY changed?): rotate it.", "", 0)
    headers = signed_headers(signing, event_id=claimed.event_id, at=int(time.time()), body=claimed.body)
    allowed = allowed_networks(operators=claimed.operators)
    return post(claimed.url, claimed.body, headers, allowed=allowed, allow_http=settings.WEBHOOK_ALLOW_HTTP)


def allowed_networks(*, operators: bool) -> tuple[Network, ...]:
    """What is open besides the public internet: to the operator's own endpoints, or to those of customers, who must
    not reach into the operator's network.
    """
    own, customers = settings.WEBHOOK_ALLOW_NETWORKS, settings.WEBHOOK_ALLOW_NETWORKS_FOR_CUSTOMERS
    return networks([*own, *customers] if operators else customers)
