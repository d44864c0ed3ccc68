"""Mails that are not news of a workspace to its people: alarms for the operator, and letters to a single person."""

from collections.abc import Sequence

from accounts.models import Workspace
from billing.foundation.mail.kinds import CATEGORIES, kind_of
from billing.foundation.mail.letters import Letter, rendered
from billing.foundation.operators import operators
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import send
from billing.foundation.site.selectors import site


def alarm(
    *,
    kind: str,
    key: str,
    subject: str,
    text: str,
    link: str,
    button: str,
    also: Sequence[tuple[str, str]] = (),
) -> bool:
    """Tell everybody who runs the installation, once per `key`; False when that was done, or there is nobody."""
    to = operators()
    if not to:
        return False
    reason = CATEGORIES["operator"].reason.format(product=site().product_name)
    letter = Letter(subject, text, f"Sent to you because {reason}", link=link, button=button, also=tuple(also))
    return letter_send(letter, to=to, kind=kind, key=key) is not None


def letter_send(
    letter: Letter,
    *,
    to: list[str],
    kind: str,
    key: str | None = None,
    workspace: Workspace | None = None,
    sender: str = "",
    reply_to: list[str] | None = None,
) -> OutboxMessage | None:
    """Write `letter`; None when one with its key was written before. Raises UnknownKind."""
    parts = rendered(letter)
    return send(
        to=to,
        subject=letter.subject,
        text=parts.text,
        html=parts.html,
        kind=kind_of(kind).key,
        key=key,
        workspace=workspace,
        sender=sender,
        reply_to=reply_to,
    )
