"""Writing the audit log."""

import json
import re
from typing import Any

from allauth.account.adapter import get_adapter
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest

from accounts.models import User, Workspace
from billing.foundation.audit.models import AuditEntry

REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,64}")


def record(
    *,
    action: str,
    actor: User | str | None,
    workspace: Workspace | None = None,
    target: str = "",
    before: Any = None,
    after: Any = None,
    reason: str = "",
    request: HttpRequest | None = None,
) -> AuditEntry:
    """Write down who changed what and why; call it in the transaction of the change.

    `actor` is a person, or words for what has no account ("system", "service key psk_…"). Texts are cut to their
    columns: a long reason must never undo the change it explains.
    """
    person = actor if isinstance(actor, User) else None
    label = person.email if person else str(actor or "system")
    entry = AuditEntry.objects.create(
        action=action[:60],
        actor=person,
        actor_label=_clean(label)[:200],
        workspace=workspace,
        target=_clean(target)[:200],
        before=_jsonable(before),
        after=_jsonable(after),
        reason=_clean(reason)[:500],
        ip=_client_ip(request),
        user_agent=_clean(_header(request, "User-Agent"))[:300],
        request_id=_request_id(request),
    )
    if request is not None:
        vars(request).setdefault("_audit_entries", []).append(entry)
    return entry


def entries_of(request: HttpRequest) -> list[AuditEntry]:
    """The entries that were written for this request so far."""
    return list(getattr(request, "_audit_entries", ()))


def record_change(
    *,
    action: str,
    actor: User | str | None,
    before: dict[str, Any],
    after: dict[str, Any],
    workspace: Workspace | None = None,
    target: str = "",
    request: HttpRequest | None = None,
) -> bool:
    """Write down the fields that differ; False when none does, and then nothing is written."""
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        record(
            action=action,
            actor=actor,
            workspace=workspace,
            target=target,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
            request=request,
        )
    return bool(changed)


def _clean(text: str) -> str:
    return text.replace("\x00", "")  # PostgreSQL cannot store it


def _jsonable(value: Any) -> Any:
    """`value` with dates and decimals as text, as JSON keeps it."""
    if value is None:
        return None
    return json.loads(_clean(json.dumps(value, cls=DjangoJSONEncoder)).replace("\\u0000", ""))


def _header(request: HttpRequest | None, name: str) -> str:
    return "" if request is None else str(request.headers.get(name, ""))


def _request_id(request: HttpRequest | None) -> str:
    """What a proxy in front calls the request, so that an entry is found in its log; anything odd is left out."""
    given = _header(request, "X-Request-Id")
    return given if REQUEST_ID.fullmatch(given) else ""


def _client_ip(request: HttpRequest | None) -> str | None:
    if request is None:
        return None
    # allauth knows how many reverse proxies are in front (ALLAUTH_TRUSTED_PROXY_COUNT).
    ip = get_adapter(request).get_client_ip(request)
    return str(ip) if ip else None
