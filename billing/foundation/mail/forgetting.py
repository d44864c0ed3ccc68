"""What was told long ago. Whoever tells something looks back over days, a week or a month, so nothing comes again."""

from datetime import datetime, timedelta

from billing.foundation.mail.models import NewsTold

KEPT = timedelta(days=400)  # more than a year, should anything ever be told once a year


def news_forget(*, now: datetime, limit: int) -> int:
    """Delete up to `limit` keys of optional news that was told more than 400 days ago; how many."""
    old = NewsTold.objects.filter(told_at__lt=now - KEPT).order_by("told_at")
    chosen = list(old.values_list("pk", flat=True)[:limit])
    NewsTold.objects.filter(pk__in=chosen).delete()
    return len(chosen)
