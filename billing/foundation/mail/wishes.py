"""Choosing what one gets: for oneself, for a role, and by a link that needs no sign-in."""

from collections.abc import Mapping

from django.db import transaction
from django.http import HttpRequest

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.credits import clock
from billing.foundation.audit.services import record_change
from billing.foundation.mail.kinds import CATEGORIES, OPTIONAL
from billing.foundation.mail.models import MailWish, RoleMail
from billing.foundation.mail.readers import member_gets, role_gets


def wish_set(*, workspace: Workspace, address: str, categories: list[str], wanted: bool) -> None:
    """From now on `address` gets mails of `categories` of this workspace, or none. Twice is once."""
    rows = [
        MailWish(workspace=workspace, address=address.lower(), category=key, wanted=wanted, changed_at=clock.now())
        for key in sorted(categories)
        if CATEGORIES[key].optional
    ]
    MailWish.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["workspace", "address", "category"],
        update_fields=["wanted", "changed_at"],
    )


@transaction.atomic
def wish_by_link(
    *, workspace: Workspace, address: str, categories: list[str], wanted: bool, request: HttpRequest | None = None
) -> bool:
    """What whoever has the link of a mail to `address` wants; nobody is signed in. Whether something changed."""
    said = dict(MailWish.objects.filter(workspace=workspace, address=address).values_list("category", "wanted"))
    wish_set(workspace=workspace, address=address, categories=categories, wanted=wanted)
    return record_change(
        action="mail.own_changed",
        actor=f"{address}, by the link in a mail",
        workspace=workspace,
        target=f"{address}, by the link in a mail",
        before={key: said.get(key) for key in categories},
        after=dict.fromkeys(categories, wanted),
        request=request,
    )


@transaction.atomic
def wishes_save(*, membership: Membership, wanted: Mapping[str, bool], request: HttpRequest | None = None) -> int:
    """What a member wants; only what differs from what comes now is written, so that the rest goes with the role. How
    many were changed.
    """
    now = member_gets(membership)
    changed = {key: value for key, value in wanted.items() if key in now and now[key] != value}
    for value in (True, False):
        keys = [key for key, chosen in changed.items() if chosen is value]
        wish_set(workspace=membership.workspace, address=membership.user.email, categories=keys, wanted=value)
    record_change(
        action="mail.own_changed",
        actor=membership.user,
        workspace=membership.workspace,
        target=membership.user.email,
        before={key: now[key] for key in changed},
        after=changed,
        request=request,
    )
    return len(changed)


@transaction.atomic
def role_mails_save(
    *, workspace: Workspace, chosen: Mapping[tuple[str, str], bool], by: User, request: HttpRequest | None = None
) -> bool:
    """What roles get (by role and category); what the catalogue says anyway needs no row. Whether something changed."""
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
    before = role_gets(workspace)
    after = {key: chosen.get(key, value) for key, value in before.items()}
    for (role, category), value in after.items():
        row = RoleMail.objects.filter(workspace=workspace, role=role, category=category)
        if value == (Role(role) in CATEGORIES[category].roles):
            row.delete()
        elif not row.update(wanted=value):
            RoleMail.objects.create(workspace=workspace, role=role, category=category, wanted=value)
    return record_change(
        action="mail.roles_changed",
        actor=by,
        workspace=workspace,
        target="e-mails by role",
        before=_in_words(before),
        after=_in_words(after),
        request=request,
    )


def _in_words(gets: Mapping[tuple[str, str], bool]) -> dict[str, str]:
    return {
        category.key: ", ".join(role for role in Role.values if gets.get((role, category.key))) or "nobody"
        for category in OPTIONAL
    }


def address_changed(*, before: str, after: str) -> None:
    """A person's address is another one: what it said goes with it, except where the new one has said something."""
    old, new = before.lower(), after.lower()
    said = MailWish.objects.filter(address=new)
    taken = set(said.values_list("workspace_id", "category"))
    for row in MailWish.objects.filter(address=old):
        if (row.workspace_id, row.category) not in taken:
            MailWish.objects.filter(pk=row.pk).update(address=new)
