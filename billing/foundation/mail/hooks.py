"""Who else hears of news that people are told by e-mail."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing.foundation.mail.telling import News

# Called once for each piece of news, in the transaction that writes its messages.
news_told: "list[Callable[[News], None]]" = []

# Called once for a batch of news of many workspaces that are told together (`tell_many`), in place of `news_told`.
many_told: "list[Callable[[Sequence[News]], None]]" = []
