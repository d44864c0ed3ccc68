"""Reading API keys: who is calling, and a workspace's list."""

import re
from hmac import compare_digest

from django.db.models import Case, Q, QuerySet, Value, When
from django.utils import timezone

from accounts.models import ApiKey, Workspace
from accounts.selectors.lookup import key_by_prefix
from accounts.services.keys import digest_of, touch

__all__ = ["api_key_authenticate", "keys_of", "touch"]

# Also keeps NUL and other bytes that a database refuses away from the query.
SHAPE = re.compile(r"(p(?:ws|sk)_[A-Za-z0-9]{8})_[A-Za-z0-9_-]{40}")


def api_key_authenticate(plain: str) -> ApiKey | None:
    """The key behind `plain` with its workspace and project loaded; None if unknown, revoked or expired.

    One indexed query. Does not write: call `touch(key)` once the request is accepted.
    """
    match = SHAPE.fullmatch(plain)
    if match is None:
        return None
    found = key_by_prefix(match[1])
    # Compared in constant time, and also when the prefix is unknown, so that time tells nothing.
    matches = compare_digest(digest_of(plain), found.key.digest if found else "0" * 64)
    return None if found is None or not matches or found.key.ended else found.key


def keys_of(workspace: Workspace) -> QuerySet[ApiKey]:
    """A workspace's keys: working ones first, newest first."""
    over = Q(revoked_at__isnull=False) | Q(expires_at__lte=timezone.now())
    return (
        ApiKey.objects.filter(workspace=workspace)
        .select_related("project", "created_by", "replaced_by")
        .annotate(over=Case(When(over, then=Value(1)), default=Value(0)))
        .order_by("over", "-created_at", "-pk")
    )
