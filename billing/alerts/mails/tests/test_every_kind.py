"""Every kind of mail as it is really written: plain by its subject, the same in both parts, with the right links."""

import re

import pytest
from django.conf import settings

from accounts.models import User, Workspace
from billing.alerts.mails.tests.specimens import written
from billing.foundation.mail.kinds import KINDS, kind_of
from billing.foundation.mail.tests.reading import Mail, words
from billing.foundation.mail.tests.samples import WORST
from billing.foundation.outbox.delivery import mime_bytes
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site, site

pytestmark = pytest.mark.django_db
UNSENT = {"balance.low"}  # `usage.low` says it today; older messages are of this kind
OF_THE_PRODUCT = {"account", "operator"}  # the others are about a workspace, of which a person may have many
ELSEWHERE = ("https://invoice.stripe.com/", "https://purser.example/account/password/")


def test_every_kind_is_plain_and_says_the_same_in_both_parts(workspace: Workspace, alice: User) -> None:
    workspace.name = WORST
    workspace.save()
    mails = written(workspace, alice)
    assert {mail.kind for mail in mails} == set(KINDS) - UNSENT
    wrong = []
    for mail in mails:
        category, html = kind_of(mail.kind).category, Mail(mail.html)
        named = site().product_name if category.key in OF_THE_PRODUCT else workspace.name
        ours = (settings.SITE_URL, *ELSEWHERE)
        checks = {
            "the subject says of whom": named in mail.subject,
            "the log finds it": category.key in {"account", "operator"} or mail.workspace == workspace,
            "the subject is short": len(mail.subject.replace(WORST, "")) <= 90,
            "both parts have the same words": words(html.text) == words(mail.text),
            "a name stays a name": "<b>" not in mail.html and "www.evil.example" not in mail.text + html.text,
            "links are ours": all(link.startswith(ours) for link in html.links),
            "the text has all links": all(link in mail.text for link in html.links),
            "unsubscribe where one may": bool(mail.unsubscribe) == category.optional == ("Unsubscribe" in mail.text),
            "nothing left out": not re.search(r"\b(None|nan)\b|\{\{|\{%|\S  \S", mail.text),
            "no gap after a label": not re.search(r"[?!.]:\n", mail.text),
            "mail programs do not cut it": len(mail.html) < 60_000,
        }
        wrong += [f"{mail.kind}, {mail.subject}: not so: {what}" for what, so in checks.items() if not so]
    assert wrong == []


def test_a_line_break_in_a_name_is_no_header(workspace: Workspace, alice: User) -> None:
    workspace.name = "Acme\r\nBcc: eve@evil.example\u2028x"
    for mail in written(workspace, alice):
        assert "\n" not in mail.subject
        assert "\r" not in mail.subject
        if not mail.attachments:
            assert b"\nBcc:" not in mime_bytes(mail).partition(b"\r\n\r\n")[0]


# Where the word is not the portal's unit: documents of tax law, and cards.
OF_MONEY = re.compile(r"\bcredit (?:notes?|cards?)\b", re.IGNORECASE)


def test_the_unit_is_called_what_the_operator_calls_it(workspace: Workspace, alice: User) -> None:
    names = {"credit_name": "voice token", "credit_name_plural": "voice tokens"}
    SiteSettings.objects.update_or_create(pk=1, defaults=names)
    forget_site()
    mails = written(workspace, alice)
    wrong = []
    for mail in mails:
        for part in (mail.subject, mail.text, Mail(mail.html).text):
            for line in OF_MONEY.sub("", part).splitlines():
                if re.search("credit", re.sub(r"https?://\S+", "", line), re.IGNORECASE):
                    wrong.append(f"{mail.kind}: {line.strip()}")
    assert wrong == []
    assert any("voice token" in mail.subject for mail in mails)
    assert sum("voice token" in mail.text for mail in mails) > 15
