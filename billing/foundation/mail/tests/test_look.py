"""One mail of each kind, as text and as HTML."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import Workspace
from billing.foundation.mail.blocks import GAP
from billing.foundation.mail.kinds import KINDS, UnknownKind, kind_of
from billing.foundation.mail.letters import Letter, Rendered, rendered
from billing.foundation.mail.links import preferences_url, unsubscribe_url
from billing.foundation.mail.telling import letter_of
from billing.foundation.mail.tests.reading import Mail, words
from billing.foundation.mail.tests.samples import WORST, sample

TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "div",
    "table",
    "tr",
    "td",
    "h1",
    "p",
    "br",
    "ul",
    "ol",
    "li",
    "a",
}


def render(kind: str, workspace: Workspace) -> tuple[Rendered, Letter]:
    category = KINDS[kind].category
    unsubscribe = unsubscribe_url(workspace, "a@example.com", category.key) if category.optional else ""
    letter = letter_of(sample(kind, workspace), category, unsubscribe=unsubscribe)
    return rendered(letter), letter


@pytest.mark.django_db
def test_every_kind_says_the_same_in_both_parts_and_links_to_nothing_else() -> None:
    workspace = Workspace.objects.create(name=WORST)
    for kind in KINDS:
        parts, letter = render(kind, workspace)
        mail = Mail(parts.html)
        assert (kind, words(mail.text)) == (kind, words(parts.text))
        ours = [url for url in (letter.link, letter.unsubscribe, letter.preferences) if url]
        assert set(mail.links) == {*ours, *(url for _, url in letter.also), settings.SITE_URL}, kind
        assert all(url in parts.text for url in mail.links), kind
        assert mail.tags <= TAGS, kind  # a name stays a name
        for part in (parts.text, mail.text):
            assert "http://evil" not in part
            assert "www.evil" not in part
            assert WORST in part.replace(GAP, "") or WORST not in letter.text + letter.reason
        assert "<b>" not in parts.html
        assert len(parts.html) < 16_000  # of 100 KB, mail programs begin to cut


@pytest.mark.django_db
def test_optional_mails_can_be_ended_and_others_say_who_they_are_for() -> None:
    workspace = Workspace.objects.create(name="Acme")
    for kind, entry in KINDS.items():
        parts, _ = render(kind, workspace)
        assert ("Unsubscribe" in parts.text) == entry.category.optional
        assert preferences_url(workspace) in parts.text
    assert (
        "Sent to you because you look after billing of Acme on Purser." in render("invoice.issued", workspace)[0].text
    )


@pytest.mark.django_db
@pytest.mark.parametrize("link", ["javascript:alert(1)", "/w/1", 'https://x.example/"onclick="', "ftp://x.example"])
def test_only_addresses_of_the_web_become_links(link: str) -> None:
    with pytest.raises(ValueError, match="absolute address"):
        rendered(Letter(subject="S", text="T", reason="R", link=link, button="B"))


def test_a_kind_that_nobody_wrote_down_cannot_be_sent() -> None:
    with pytest.raises(UnknownKind):
        kind_of("surprise")


# Calls that write mails, each with a `kind`; News may have it without its name.
WAYS = ("foundation.mail", "accounts.mail")
WRITERS = {"News", "alarm", "letter_send", "Note", "_send", "_tell", "_operators", "_mail"}


def kinds_sent() -> dict[str, str]:
    """By where it stands, each kind that the code sends, as far as it is written there."""
    found = {}
    for room in ("accounts", "billing", "portal"):
        for path in sorted((Path(settings.BASE_DIR) / room).rglob("*.py")):
            if "tests" not in path.parts and any(way in (text := path.read_text()) for way in WAYS):
                for call, kind in _kinds_in(text):
                    found[f"{path}:{call.lineno}"] = kind
    return found


def _kinds_in(text: str) -> Iterator[tuple[ast.Call, str]]:
    tree = ast.parse(text)
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in WRITERS:
            given = [each.value for each in node.keywords if each.arg == "kind"]
            given += node.args[1:2] if getattr(node.func, "id", "") == "News" else []
            for value in given:
                if isinstance(value, ast.Constant):
                    yield node, str(value.value)
                elif isinstance(value, ast.Name) and value.id in constants:
                    yield node, str(constants[value.id])
                elif isinstance(value, ast.JoinedStr) and isinstance(value.values[0], ast.Constant):
                    yield node, str(value.values[0].value)


def test_every_kind_that_is_sent_is_in_the_catalogue() -> None:
    sent = kinds_sent()
    assert len(sent) > 15
    unknown = {where: kind for where, kind in sent.items() if not any(known.startswith(kind) for known in KINDS)}
    assert unknown == {}
