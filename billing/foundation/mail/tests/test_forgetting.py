"""Keys of optional news go long after nobody would tell it again."""

from datetime import timedelta

import pytest

from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.foundation.mail.forgetting import KEPT, news_forget
from billing.foundation.mail.models import NewsTold

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_old_keys_go_in_portions_and_later_ones_stay() -> None:
    now = clock.now()
    ages = {"oldest": KEPT + 2 * DAY, "old": KEPT + DAY, "kept": KEPT - DAY, "new": timedelta(0)}
    NewsTold.objects.bulk_create([NewsTold(key=key, told_at=now - age) for key, age in ages.items()])
    assert news_forget(now=now, limit=1) == 1
    assert not NewsTold.objects.filter(key="oldest").exists()
    (run,) = run_due(only="news_told")
    assert (run.items, run.error) == (1, "")
    assert set(NewsTold.objects.values_list("key", flat=True)) == {"kept", "new"}
