"""What accounts tells the packages above it.

Subscribers are added in `apps.ready()`; they are called in the order they were added and may raise, which undoes the
write that told them. accounts imports nothing from above, so this is the only way news travels upwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import ApiKey, User, Workspace

# Called inside the transaction that creates the workspace.
workspace_created: list[Callable[[Workspace], None]] = []

# Called inside the transaction that suspends a workspace, or lets it go on.
suspension_changed: list[Callable[[Workspace], object]] = []

# Called whenever one of a person's e-mail addresses was proven to be theirs; again for each further address.
person_verified: list[Callable[[User], None]] = []

# Called inside the transaction of every change to access: see `emit` for the arguments.
audited: list[Callable[..., Any]] = []

# Called first in the transaction that rotates a key, before its row is locked: for what must be locked before that.
key_rotating: list[Callable[[ApiKey], None]] = []

# Called inside the transaction that rotates a key, with the old key and the one that takes its place.
key_rotated: list[Callable[[ApiKey, ApiKey], None]] = []

# Called inside the transaction that changes when days begin for a workspace.
time_zone_changed: list[Callable[[Workspace], object]] = []

# What the product is called in e-mails; the package that keeps the site's settings puts its own answer first.
product_name: list[Callable[[], str]] = [lambda: "Purser"]


@dataclass(frozen=True)
class Minute:
    """Requests in the running minute, and how many it may have."""

    limit: int
    used: int

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)


@dataclass(frozen=True)
class KeyMinute(Minute):
    own: bool  # the key's own limit, not the site's


@dataclass(frozen=True)
class Minutes:
    """How the running minute of a workspace's keys stands."""

    reset: int  # seconds until it ends
    default: int  # requests a minute of a key without a limit of its own; 0: unknown
    keys: dict[int, KeyMinute] = field(default_factory=dict)  # by the key's primary key
    workspace: Minute | None = None  # all keys together, where the operator set a limit


# How much of their rate limits these keys have used in this minute; the package that counts puts its own answer first.
key_minutes: list[Callable[[Workspace, Sequence[ApiKey]], Minutes]] = [lambda *_: Minutes(60, 0)]


# Which keys wait for a person to let them spend again; the package that pauses them puts its own answer first.
paused_keys: list[Callable[[Workspace], Set[int]]] = [lambda _: frozenset()]


def emit(
    *,
    action: str,
    actor: User | str | None,
    workspace: Workspace | None,
    target: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    request: HttpRequest | None = None,
    reason: str = "",
) -> None:
    """Tell the audit that `actor` did `action`, a dotted name, to `target`.

    An actor without an account is named in words ("service key psk_…"); None is the operator, by command.
    """
    for subscriber in audited:
        subscriber(
            action=action,
            actor=actor if actor is not None else "operator",
            workspace=workspace,
            target=target,
            before=before,
            after=after,
            request=request,
            **({"reason": reason} if reason else {}),
        )
