"""Where prices come from. Each adapter's `read()` returns one `Reading`."""

from collections.abc import Callable
from importlib import import_module

from billing.pricing.sources.rows import Reading

# In the order they are read. The adapters are imported when they are used: genai-prices alone takes a moment to load.
SOURCES = {
    "platform": "billing.pricing.sources.platform",
    "genai-prices": "billing.pricing.sources.genai",
    "bundled": "billing.pricing.sources.bundled",
}


def read(name: str) -> Reading:
    """One reading of the source `name`; raises KeyError for an unknown name."""
    reader: Callable[[], Reading] = import_module(SOURCES[name]).read
    return reader()
