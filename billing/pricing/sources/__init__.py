"""Where prices come from. Each adapter's `read()` returns one `Reading`, or raises SourceError and says why not."""

import logging
from collections.abc import Callable
from importlib import import_module

from billing.pricing.sources.rows import Reading, SourceError

log = logging.getLogger(__name__)

# In the order they are read. The adapters are imported when they are used: genai-prices alone takes a moment to load.
SOURCES = {
    "platform": "billing.pricing.sources.platform",
    "shipped": "billing.pricing.sources.shipped",
    "genai-prices": "billing.pricing.sources.genai",
    "bundled": "billing.pricing.sources.bundled",
    "litellm": "billing.pricing.sources.litellm",
    "openrouter": "billing.pricing.sources.openrouter",
}
# Catalogues that are fetched: never before the operator has said where from.
FETCHED = frozenset({"litellm", "openrouter"})


def read(name: str, url: str = "") -> Reading:
    """One reading of the source `name`; `url` is for those that are FETCHED. Raises SourceError; KeyError: no such."""
    module = import_module(SOURCES[name])
    if name not in FETCHED:
        reader: Callable[[], Reading] = module.read
        return reader()
    if not url:
        raise SourceError("it has no address: set one under Price sources in the admin")
    fetcher: Callable[[str], Reading] = module.read
    return understood(lambda: fetcher(url))


def understood(reader: Callable[[], Reading]) -> Reading:
    """What `reader` returns; a document of a shape that nobody expected raises SourceError like any other bad one."""
    try:
        return reader()
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        log.exception("a catalogue has a shape that is not known")
        raise SourceError(f"it has a shape that is not known: {type(error).__name__}: {error}"[:300]) from error
