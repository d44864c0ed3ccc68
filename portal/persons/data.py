"""Everything about one person, in the tables in which a person would look for it."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Q, QuerySet

from accounts.models import ApiKey, Invitation, Membership, PortalLink, User
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.foundation.csvfile import guarded
from billing.foundation.mail.kinds import KINDS
from billing.foundation.mail.models import MailWish
from billing.foundation.outbox.models import OutboxMessage
from billing.packs.autotopup.models import TopUpConsent
from billing.plans.models import AutoUpgrade
from billing.usage.budgets.models import Budget

Table = list[dict[str, Any]]
READ_AT_ONCE = 2_000


def person_data(user: User) -> dict[str, Table]:
    """By name of the table; times in UTC, ISO 8601. Passwords, keys and second factors are not in it, nor could be."""
    addresses = addresses_of(user)
    return {
        "profile": [_profile(user)],
        "addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified", "primary").order_by("pk")),
        "second_factors": [_factor(row) for row in Authenticator.objects.filter(user=user).order_by("pk")],
        "sessions": [_session(row) for row in UserSession.objects.filter(user=user).order_by("pk")],
        "memberships": [_membership(row) for row in _of_workspaces(Membership.objects.filter(user=user))],
        "invitations": [_invitation(row) for row in _of_workspaces(_invitations(user, addresses))],
        "portal_links": [_link(row) for row in _of_workspaces(PortalLink.objects.filter(user=user))],
        "api_keys_made": [_key(row) for row in _of_workspaces(ApiKey.objects.filter(created_by=user))],
        "budgets": [_budget(row) for row in _of_workspaces(Budget.objects.filter(member=user))],
        "agreements": list(_agreements(user)),
        "mail_choices": [_wish(row) for row in _of_workspaces(MailWish.objects.filter(address__in=addresses))],
        "mails": [_mail(row, addresses) for row in mails_to(addresses)],
        "audit": [_entry(row, user) for row in _of_workspaces(entries_of(user, addresses))],
    }


def addresses_of(user: User) -> list[str]:
    """Of the person, in lower case; the one they sign in by first."""
    further = EmailAddress.objects.filter(user=user).order_by("pk").values_list("email", flat=True)
    return list(dict.fromkeys([user.email.lower(), *(email.lower() for email in further)]))


def mails_to(addresses: list[str]) -> QuerySet[OutboxMessage]:
    wanted = Q()
    for address in addresses:
        wanted |= Q(to__contains=[address])
    return OutboxMessage.objects.filter(wanted).order_by("pk")


def entries_of(user: User, addresses: list[str]) -> QuerySet[AuditEntry]:
    """What the person did, and what was done to them."""
    return AuditEntry.objects.filter(Q(actor=user) | Q(target__in=addresses))


def as_json(user: User) -> bytes:
    return json.dumps(
        {"made_at": _at(clock.now()), "person": user.email, **person_data(user)},
        ensure_ascii=False,
        indent=1,
        default=_plain,
    ).encode()


def as_zip(user: User) -> bytes:
    """A CSV file for each table that has rows, and the same as JSON."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in person_data(user).items():
            if rows:
                archive.writestr(f"{name}.csv", _csv(rows))
        archive.writestr("everything.json", as_json(user))
    return buffer.getvalue()


def _csv(rows: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([guarded(_cell(value)) for value in row.values()])
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return _at(value)
    return json.dumps(value, ensure_ascii=False, default=_plain) if isinstance(value, dict | list) else value


def _plain(value: Any) -> Any:
    return _at(value) if isinstance(value, datetime) else str(value)


def _at(value: datetime | None) -> str | None:
    return value.isoformat(timespec="seconds") if value else None


def _of_workspaces(rows: QuerySet[Any]) -> Iterator[Any]:
    yield from rows.select_related("workspace").order_by("pk").iterator(READ_AT_ONCE)


def _profile(user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "name": user.name,
        "joined_at": _at(user.date_joined),
        "last_login_at": _at(user.last_login),
        "is_open": user.is_active,
        "is_staff": user.is_staff,
        "roles_of_staff": list(user.groups.values_list("name", flat=True)),
        "has_password": user.has_usable_password(),
    }


def _workspace(row: Any) -> dict[str, str]:
    of = row.workspace
    return {"workspace": of.public_id, "workspace_name": of.name} if of else {"workspace": "", "workspace_name": ""}


def _factor(row: Authenticator) -> dict[str, Any]:
    return {
        "kind": str(row.get_type_display()),
        "added_at": _at(row.created_at),
        "last_used_at": _at(row.last_used_at),
    }


def _session(row: UserSession) -> dict[str, Any]:
    return {
        "ip": row.ip,
        "browser": row.user_agent,
        "began_at": _at(row.created_at),
        "last_seen_at": _at(row.last_seen_at),
    }


def _membership(row: Membership) -> dict[str, Any]:
    return {
        **_workspace(row),
        "role": row.role,
        "since": _at(row.created_at),
        "last_seen_at": _at(row.last_seen_at),
    }


def _invitations(user: User, addresses: list[str]) -> QuerySet[Invitation]:
    return Invitation.objects.filter(Q(email__in=addresses) | Q(invited_by=user))


def _invitation(row: Invitation) -> dict[str, Any]:
    return {
        **_workspace(row),
        "to": row.email,
        "role": row.role,
        "sent_at": _at(row.created_at),
        "accepted_at": _at(row.accepted_at),
        "withdrawn_at": _at(row.revoked_at),
    }


def _link(row: PortalLink) -> dict[str, Any]:
    return {**_workspace(row), "made_at": _at(row.created_at), "used_at": _at(row.used_at), "page": row.path}


def _key(row: ApiKey) -> dict[str, Any]:
    return {
        **_workspace(row),
        "name": row.name,
        "begins_with": row.prefix,
        "made_at": _at(row.created_at),
        "revoked_at": _at(row.revoked_at),
    }


def _budget(row: Budget) -> dict[str, Any]:
    return {**_workspace(row), "budget": str(row)}


def _agreements(user: User) -> Iterator[dict[str, Any]]:
    for consent in _of_workspaces(TopUpConsent.objects.filter(person=user)):
        yield {
            **_workspace(consent),
            "about": "automatic top-up",
            "agreed_at": _at(consent.at),
            "ended_at": _at(consent.ended_at),
            "text": consent.text,
        }
    for upgrade in _of_workspaces(AutoUpgrade.objects.filter(agreed_by=user)):
        yield {
            **_workspace(upgrade),
            "about": "automatic upgrade",
            "agreed_at": _at(upgrade.agreed_at),
            "ended_at": _at(upgrade.withdrawn_at),
            "text": upgrade.text,
        }


def _wish(row: MailWish) -> dict[str, Any]:
    return {
        **_workspace(row),
        "address": row.address,
        "category": row.category,
        "wanted": row.wanted,
        "since": _at(row.changed_at),
    }


def _mail(row: OutboxMessage, addresses: list[str]) -> dict[str, Any]:
    kind = KINDS.get(row.kind)
    # Codes and links sign somebody in: whoever holds this file must not be able to.
    hidden = kind is None or kind.secret
    return {
        "to": [address for address in row.to if address.lower() in addresses],
        "subject": row.subject,
        "about": kind.title if kind else row.kind,
        "state": row.status,
        "written_at": _at(row.created_at),
        "sent_at": _at(row.sent_at),
        "text": "(not shown: it may hold a code or a link that signs in)" if hidden else row.text,
    }


def _entry(row: AuditEntry, user: User) -> dict[str, Any]:
    """Where and why somebody else did it is theirs, and so is who it was; what was done to this person is not."""
    own = row.actor_id == user.pk
    return {
        "at": _at(row.at),
        "who": row.actor_label if own else "somebody else",
        "action": row.action,
        "target": row.target,
        **_workspace(row),
        "before": row.before,
        "after": row.after,
        "reason": row.reason if own else "",
        "ip": row.ip if own else None,
        "browser": row.user_agent if own else "",
    }
