"""Who gets optional mails, for many workspaces at once: three queries, however many there are."""

from collections.abc import Iterable, Mapping

from accounts.models import Membership, Workspace
from accounts.roles import Role, may
from billing.foundation.mail.kinds import OPTIONAL, Category
from billing.foundation.mail.models import MailWish, RoleMail


def readers_of(category: Category, asked: Mapping[int, Iterable[str]]) -> dict[int, list[str]]:
    """By workspace, the addresses that get mails of `category`: members as they, else their role, want it, then others
    of `asked` who did not say no. Each once, however it is written. Workspaces without one are left out.
    """
    wishes = {
        (row.workspace_id, row.address): row.wanted
        for row in MailWish.objects.filter(workspace__in=asked, category=category.key)
    }
    said = {
        (row.workspace_id, row.role): row.wanted
        for row in RoleMail.objects.filter(workspace__in=asked, category=category.key)
    }
    members = Membership.objects.filter(workspace__in=asked, user__is_active=True).order_by("created_at", "pk")
    found: dict[int, dict[str, tuple[str, bool]]] = {workspace_id: {} for workspace_id in asked}  # by lower case
    for workspace_id, role, email in members.values_list("workspace_id", "role", "user__email"):
        if may(role, category.needs):
            by_role = said.get((workspace_id, role), Role(role) in category.roles or None)
            wanted = wishes.get((workspace_id, email.lower()), by_role)
            if wanted is not None:
                found[workspace_id][email.lower()] = email, wanted
    for workspace_id, addresses in asked.items():
        for address in addresses:
            key = address.lower()
            found[workspace_id].setdefault(key, (address, wishes.get((workspace_id, key), True)))
    return {
        workspace_id: wanting
        for workspace_id, people in found.items()
        if (wanting := [address for address, wanted in people.values() if wanted])
    }


def role_gets(workspace: Workspace) -> dict[tuple[str, str], bool]:
    """By role and category, what roles get."""
    said = {(row.role, row.category): row.wanted for row in RoleMail.objects.filter(workspace=workspace)}
    return {
        (role, category.key): said.get((role, category.key), Role(role) in category.roles)
        for role in Role.values
        for category in OPTIONAL
        if may(role, category.needs)
    }


def member_gets(membership: Membership) -> dict[str, bool]:
    """By category that this member can choose, whether it comes."""
    address = membership.user.email.lower()
    wishes = dict(
        MailWish.objects.filter(workspace=membership.workspace, address=address).values_list("category", "wanted")
    )
    roles = role_gets(membership.workspace)
    return {
        category.key: wishes.get(category.key, roles[membership.role, category.key])
        for category in OPTIONAL
        if (membership.role, category.key) in roles
    }


def wanted(workspace: Workspace, address: str, category: str) -> bool:
    """Whether `address` said no to `category`; who has said nothing has not."""
    said = MailWish.objects.filter(workspace=workspace, address=address.lower(), category=category)
    return said.values_list("wanted", flat=True).first() is not False
