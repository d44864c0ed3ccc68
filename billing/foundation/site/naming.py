"""The words "credit" and "credits" in a fixed text, as the operator calls them."""

import re

from billing.foundation.site.selectors import site

_CREDIT = re.compile(r"(?<![\w./-])(c|C)redit(s?)(?![\w/-]| note| card)")


def named(text: str) -> str:
    """A capital stays one; credit notes and cards keep their names."""
    of = site()

    def word(match: re.Match[str]) -> str:
        name = of.credit_name_plural if match[2] else of.credit_name
        return name[:1].upper() + name[1:] if match[1] == "C" else name

    return _CREDIT.sub(word, text)
