"""Reading notices: those that a member may see, and which of them are new to this person."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import Membership
from accounts.roles import Permission, may
from billing.alerts.notices.kinds import Audience
from billing.alerts.notices.models import Notice, NoticeRead

PAGE = 25
RECENT = 200  # of the workspace's: what is older is not counted as unread, so that a count is cheap whatever there is
NEEDS: dict[Audience, Permission] = {
    "everyone": Permission.VIEW,
    "billing": Permission.MANAGE_BILLING,
    "keys": Permission.MANAGE_KEYS,
    "team": Permission.MANAGE_TEAM,
    "workspace": Permission.MANAGE_WORKSPACE,
}


@dataclass(frozen=True)
class Page:
    notices: Sequence[Notice]  # each with `unread`
    older: int | None  # where the next page begins

    @property
    def unread(self) -> bool:
        return any(notice.unread for notice in self.notices)  # type: ignore[attr-defined]


def audiences_of(role: str) -> list[Audience]:
    return [audience for audience, permission in NEEDS.items() if may(role, permission)]


def notices_of(member: Membership) -> QuerySet[Notice]:
    """What the member may see, latest first, with `unread`: nothing from before they joined."""
    read = NoticeRead.objects.filter(notice=OuterRef("pk"), user=member.user_id)
    rows = Notice.objects.filter(workspace=member.workspace_id, audience__in=audiences_of(member.role))
    return rows.filter(created_at__gte=member.created_at).annotate(unread=~Exists(read)).order_by("-pk")


def notice_page(member: Membership, *, before: int | None = None) -> Page:
    rows = notices_of(member)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: PAGE + 1])
    return Page(found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None)
