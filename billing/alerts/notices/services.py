"""Marking notices as read, each person for themselves; and forgetting old ones."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from accounts.models import Membership
from billing.alerts.notices.models import Notice, NoticeRead
from billing.alerts.notices.selectors import RECENT, notices_of

KEPT = timedelta(days=90)  # when somebody has read it
KEPT_UNREAD = timedelta(days=365)


def notice_read(*, member: Membership, pk: int) -> Notice | None:
    """The notice, marked as read by this member; None if there is none that they may see."""
    notice = notices_of(member).filter(pk=pk).first()
    if notice is not None:
        _mark(member, [notice])
    return notice


def notices_read(*, member: Membership, up_to: int) -> int:
    """Mark all up to this one, the latest that was on the page; how many were unread."""
    found = [each for each in notices_of(member).filter(pk__lte=up_to)[:RECENT] if each.unread]  # type: ignore[attr-defined]
    _mark(member, found)
    return len(found)


def _mark(member: Membership, notices: list[Notice]) -> None:
    if member.pk is None:  # staff who look at a customer have read nothing of theirs
        return
    rows = [NoticeRead(notice=notice, user_id=member.user_id) for notice in notices]
    NoticeRead.objects.bulk_create(rows, ignore_conflicts=True)


def notices_forget(*, now: datetime, limit: int) -> int:
    """Delete up to `limit` notices: read ones after 90 days, all after a year; how many."""
    read = Exists(NoticeRead.objects.filter(notice=OuterRef("pk")))
    old = Notice.objects.filter(created_at__lt=now - KEPT).order_by("created_at")
    chosen = list(old.filter(read).values_list("pk", flat=True)[:limit])
    chosen += (
        old.filter(created_at__lt=now - KEPT_UNREAD)
        .exclude(pk__in=chosen)
        .values_list("pk", flat=True)[: limit - len(chosen)]
    )
    Notice.objects.filter(pk__in=chosen).delete()
    return len(chosen)
