"""News that people of a workspace are told."""

from collections.abc import Callable

import pytest
from django.conf import settings

from accounts.models import Workspace
from billing.alerts.notices.models import Notice
from billing.foundation.mail.telling import News, tell

Told = Callable[..., Notice | None]


@pytest.fixture
def told(workspace: Workspace) -> Told:
    """`told("balance.low", "k1")`: the notice that came of it, None where none does."""

    def tell_it(kind: str = "balance.low", key: str = "k1", **changes: str) -> Notice | None:
        path = changes.pop("path", f"/w/{workspace.public_id}/credits")
        terms = {"subject": f"About {key}", "text": "Few are left.\n\nAdd some.", "button": "Add credits", **changes}
        link = terms.pop("link", settings.SITE_URL + path)
        tell(News(workspace, kind, key, link=link, **terms), to=["a@acme.example"])  # type: ignore[arg-type]
        return Notice.objects.filter(workspace=workspace, key=key).first()

    return tell_it
