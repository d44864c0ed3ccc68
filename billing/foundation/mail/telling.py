"""Telling the people of a workspace something, once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256

from django.db import connection, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.mail.hooks import many_told, news_told
from billing.foundation.mail.kinds import Category, kind_of
from billing.foundation.mail.letters import Letter, rendered
from billing.foundation.mail.links import preferences_url, unsubscribe_url
from billing.foundation.mail.readers import readers_of
from billing.foundation.outbox.attachments import Attachment
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import message_of, send, send_many
from billing.foundation.site.naming import named
from billing.foundation.site.selectors import site


@dataclass(frozen=True)
class News:
    """`text` is plain, paragraphs apart by an empty line, without greeting, link and signature (see blocks.py). `link`
    is an absolute address where the reader can do something about it, `button` what is written on it. `key` is the
    news' identity, `kind` one of the catalogue (kinds.py).
    """

    workspace: Workspace
    kind: str
    key: str
    subject: str
    text: str
    link: str
    button: str
    also: tuple[tuple[str, str], ...] = ()  # further links: what is written on them, absolute address


@transaction.atomic
def tell(
    news: News,
    *,
    to: list[str],
    but: Collection[str] = (),
    reply_to: list[str] | None = None,
    attachments: Sequence[Attachment] = (),
) -> bool:
    """Tell the people of a workspace; False when this news was told before, or nobody is there to be told.

    What nobody can do without is one message to all of `to`. Optional news goes to the members who want its category
    and to others of `to`, each in a message of its own, because each has a link of its own to end it; its key is taken
    even when nobody wants it, and those of `but`, whom it is about, get none. Raises UnknownKind, ValueError for a link
    that is none.
    """
    category = kind_of(news.kind).category
    if not to and not category.optional:
        return False
    if category.optional:
        told = bool(_claimed([news]))
        if told:
            _write_optional([(news, to)], category, but=but, reply_to=reply_to, attachments=attachments)
    else:
        told = _write_required(news, category, to=to, reply_to=reply_to, attachments=attachments)
    if told:
        for listener in news_told:
            listener(news)
    return told


@transaction.atomic
def tell_many(told: Sequence[tuple[News, list[str]]]) -> int:
    """Optional news of one category, of many workspaces, with the same few queries however many they are; how many had
    not been told before. Messages leave within half a minute.
    """
    if not told:
        return 0
    (category,) = {kind_of(news.kind).category for news, _ in told}
    if not category.optional:
        raise ValueError(f"mails about {category.title.lower()} are told one by one")
    claimed = _claimed([news for news, _ in told])
    fresh = [(news, to) for news, to in told if news.key in claimed]
    if fresh:
        _write_optional(fresh, category)
        for listener in many_told:
            listener([news for news, _ in fresh])
    return len(fresh)


def letter_of(news: News, category: Category, *, unsubscribe: str = "") -> Letter:
    reason = category.reason.format(
        workspace=news.workspace.name, product=site().product_name, title=named(category.title)
    )
    return Letter(
        subject=news.subject,
        text=news.text,
        link=news.link,
        button=news.button,
        also=news.also,
        reason=f"Sent to you because {reason}",
        preferences=preferences_url(news.workspace),
        unsubscribe=unsubscribe,
    )


def _write_required(
    news: News,
    category: Category,
    *,
    to: list[str],
    reply_to: list[str] | None,
    attachments: Sequence[Attachment],
) -> bool:
    parts = rendered(letter_of(news, category))
    message = send(
        to=to,
        subject=news.subject,
        text=parts.text,
        html=parts.html,
        kind=news.kind,
        key=news.key,
        workspace=news.workspace,
        reply_to=reply_to,
        attachments=attachments,
    )
    return message is not None


def _write_optional(
    told: Sequence[tuple[News, list[str]]],
    category: Category,
    *,
    but: Collection[str] = (),
    reply_to: list[str] | None = None,
    attachments: Sequence[Attachment] = (),
) -> None:
    left_out = {address.lower() for address in but}
    asked: dict[int, list[str]] = {}
    for news, to in told:
        asked.setdefault(news.workspace.pk, []).extend(to)
    readers = readers_of(category, asked)
    send_many(
        [
            _message(news, category, address, reply_to=reply_to, attachments=attachments)
            for news, _ in told
            for address in readers.get(news.workspace.pk, ())
            if address.lower() not in left_out
        ]
    )


def _message(
    news: News, category: Category, address: str, *, reply_to: list[str] | None, attachments: Sequence[Attachment]
) -> OutboxMessage:
    unsubscribe = unsubscribe_url(news.workspace, address, category.key)
    parts = rendered(letter_of(news, category, unsubscribe=unsubscribe))
    return message_of(
        to=[address],
        subject=news.subject,
        text=parts.text,
        html=parts.html,
        kind=news.kind,
        key=reader_key(news.key, address),
        workspace=news.workspace,
        reply_to=reply_to,
        attachments=attachments,
        unsubscribe=unsubscribe,
    )


def reader_key(key: str, address: str) -> str:
    """The key of the message to one reader of optional news."""
    return f"{key[:180]}~{sha256(f'{key} {address.lower()}'.encode()).hexdigest()[:16]}"


# Whoever comes second waits for the first, and then inserts nothing.
_CLAIM = """
INSERT INTO foundation_newstold (key, told_at) SELECT key, %s FROM unnest(%s::text[]) key ORDER BY key
ON CONFLICT DO NOTHING RETURNING key
"""


def _claimed(news: Sequence[News]) -> set[str]:
    """The keys that are told now; one that was mailed to all readers together, before there was a choice, was told."""
    keys = sorted({each.key for each in news})
    mailed = set(OutboxMessage.objects.filter(key__in=keys).values_list("key", flat=True))
    if not (fresh := [key for key in keys if key not in mailed]):
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [clock.now(), fresh])
        return {key for (key,) in cursor.fetchall()}
