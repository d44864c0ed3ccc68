"""Portal links: the operator's backend hands a person over to the portal, once, within a minute.

Who holds the link is signed in as that person, so it is made by a key that reaches every customer anyway, and never for
the operator's own people.
"""

import secrets
from datetime import timedelta
from hmac import compare_digest
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone

from accounts import hooks
from accounts.errors import NoSuchMember, NotAllowed, Refused
from accounts.models import ApiKey, Membership, PortalLink, User, Workspace
from accounts.roles import Role
from accounts.services.keys import digest_of

GOOD_FOR = timedelta(minutes=1)
KEPT = timedelta(days=30)
LONGEST_PATH = 400


def portal_link_create(
    *,
    workspace: Workspace,
    made_by: ApiKey,
    email: str | None = None,
    path: str = "",
    request: HttpRequest | None = None,
) -> tuple[PortalLink, str]:
    """A link for one member (None: an owner) and the address that opens it, which is not kept anywhere.

    `path` is one of the workspace's pages: "/credits", or whole, "/w/ws_…/credits". Raises `NoSuchMember`, `NotAllowed`
    for people who work for the operator, `Refused` for a page that is not of this workspace.
    """
    page = page_of(workspace, path)
    user = _person(workspace, email)
    handle, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    token, now = f"{handle}.{secret}", timezone.now()
    with transaction.atomic():
        link = PortalLink.objects.create(
            workspace=workspace,
            user=user,
            made_by=made_by,
            handle=handle,
            digest=digest_of(token),
            path=page,
            created_at=now,
            expires_at=now + GOOD_FOR,
        )
        hooks.emit(
            action="portal_link.made",
            actor=f"service key {made_by.prefix}…",
            workspace=workspace,
            target=user.email,
            after={"link": handle, "page": page},
            request=request,
        )
    return link, settings.SITE_URL + reverse("accounts:portal", args=[token])


def portal_link_by_token(token: str) -> PortalLink | None:
    """The link behind `token`, whatever became of it."""
    handle = token.partition(".")[0]
    link = (
        PortalLink.objects.select_related("workspace", "user").filter(handle=handle).first() if _plain(token) else None
    )
    # Compared in constant time, and also when the handle is unknown, so that time tells nothing.
    matches = compare_digest(digest_of(token), link.digest if link else "0" * 64)
    return link if matches else None


def usable(link: PortalLink) -> bool:
    """Whether the link would still open its page."""
    return link.used_at is None and link.expires_at > timezone.now() and _may_enter(link)


def portal_link_use(*, link: PortalLink, request: HttpRequest | None = None) -> bool:
    """Claim the link: of all who try, one gets True. What has changed since it was made counts, too."""
    with transaction.atomic():
        now = timezone.now()
        if not _may_enter(link):
            return False
        if not PortalLink.objects.filter(pk=link.pk, used_at=None, expires_at__gt=now).update(used_at=now):
            return False
        link.used_at = now
        hooks.emit(
            action="portal_link.used",
            actor=link.user,
            workspace=link.workspace,
            target=link.user.email,
            after={"link": link.handle, "page": link.path},
            request=request,
        )
    return True


def page_of(workspace: Workspace, path: str) -> str:
    """The whole path of one of the workspace's pages. Raises `Refused` for anything else."""
    home = workspace.get_absolute_url()
    if not path:
        return home
    wrong = Refused(f"Name one of the workspace's pages, such as /credits or {home}credits.", field="return_path")
    if not path.startswith("/") or len(path) > LONGEST_PATH or not path.isprintable() or "\\" in path:
        raise wrong
    whole = path if path.startswith("/w/") else home + path[1:]
    plain = unquote(urlsplit(whole).path)
    if not plain.startswith(home) or ".." in plain.split("/"):
        raise wrong
    try:
        resolve(plain)
    except Resolver404:
        raise wrong from None
    return whole


def _person(workspace: Workspace, email: str | None) -> User:
    members = Membership.objects.filter(workspace=workspace, user__is_active=True).select_related("user")
    if email is None:
        members = members.filter(role=Role.OWNER)
        missing = "This workspace has no owner who could open the portal; name a member."
    else:
        proven = Q(user__emailaddress__email__iexact=email, user__emailaddress__verified=True)
        members = members.filter(Q(user__email__iexact=email) | proven)
        missing = "Nobody with this address is a member of this workspace."
    found = [member.user for member in members.order_by("created_at", "pk")]
    if not found:
        raise NoSuchMember(missing, field="email" if email is not None else None)
    if (person := next((user for user in found if not _works_here(user)), None)) is None:
        raise NotAllowed("People who work for the operator sign in by themselves.", field="email")
    return person


def _works_here(user: User) -> bool:
    return user.is_staff or user.is_superuser


def _may_enter(link: PortalLink) -> bool:
    user = User.objects.filter(pk=link.user_id, is_active=True, is_staff=False, is_superuser=False)
    return user.filter(memberships__workspace=link.workspace_id).exists()


def _plain(token: str) -> bool:
    return token.isascii() and token.isprintable() and len(token) <= 100
