"""Keeping what people are told by e-mail for the bell."""

from collections.abc import Sequence

from django.conf import settings

from billing.alerts.notices.kinds import Audience, audience_of, path_of
from billing.alerts.notices.models import Notice
from billing.foundation.mail.telling import News
from billing.ledger.services import cut


def news_was_told(news: News) -> None:
    """Subscriber of `news_told`, in the transaction that writes the message; the same news again changes nothing."""
    many_were_told([news])


def many_were_told(told: Sequence[News]) -> None:
    """Subscriber of `many_told`: the same for a batch."""
    notices = [_notice(news, audience) for news in told if (audience := audience_of(news.kind)) is not None]
    Notice.objects.bulk_create(notices, ignore_conflicts=True)


def _notice(news: News, audience: Audience) -> Notice:
    return Notice(
        workspace=news.workspace,
        kind=cut(news.kind, 60),
        key=cut(news.key, 200),
        audience=audience,
        title=cut(" ".join(news.subject.replace("\x00", "").split()), 500),
        text=news.text.replace("\x00", ""),
        path=path if len(path := path_of(news.link, settings.SITE_URL)) <= 1000 else "",
        button=cut(news.button, 60),
    )
