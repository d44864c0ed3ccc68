"""What accounts tells the packages above it.

Subscribers are added in `apps.ready()`; they are called in the order they were added and may raise, which undoes the
write that told them. accounts imports nothing from above, so this is the only way news travels upwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import User, Workspace

# Called inside the transaction that creates the workspace.
workspace_created: list[Callable[[Workspace], None]] = []

# Called whenever one of a person's e-mail addresses was proven to be theirs; again for each further address.
person_verified: list[Callable[[User], None]] = []

# Called inside the transaction of every change to access: see `emit` for the arguments.
audited: list[Callable[..., Any]] = []

# What the product is called in e-mails; the package that keeps the site's settings puts its own answer first.
product_name: list[Callable[[], str]] = [lambda: "Purser"]


def emit(
    *,
    action: str,
    actor: User | None,
    workspace: Workspace | None,
    target: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    request: HttpRequest | None = None,
) -> None:
    """Tell the audit that `actor` (None: the operator, by command) did `action`, a dotted name, to `target`."""
    for subscriber in audited:
        subscriber(
            action=action,
            actor=actor if actor is not None else "operator",
            workspace=workspace,
            target=target,
            before=before,
            after=after,
            request=request,
        )
