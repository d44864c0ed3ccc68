import pytest

from accounts.models import Workspace
from billing.foundation.mail import hooks
from billing.foundation.mail.telling import News, tell
from billing.foundation.outbox.models import OutboxMessage


@pytest.mark.django_db
def test_news_is_told_once_and_others_hear_of_it() -> None:
    heard: list[News] = []
    hooks.news_told.append(heard.append)
    try:
        workspace = Workspace.objects.create(name="Acme")
        news = News(workspace, "balance.low", "low:1", "Low", "Few are left.", "https://purser.example/w/", "Add")
        assert tell(news, to=["a@acme.example"]) is True
        assert tell(news, to=["a@acme.example"]) is False
        assert heard == [news]
        assert "Few are left.\n\nAdd:\nhttps://purser.example/w/" in OutboxMessage.objects.get().text
        assert tell(news, to=[]) is False
    finally:
        hooks.news_told.remove(heard.append)
