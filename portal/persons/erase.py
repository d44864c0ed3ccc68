"""A person is forgotten: the account stays as an empty shell, because ledger, documents and audit refer to it."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.http import HttpRequest

from accounts.errors import Refused
from accounts.models import Invitation, Membership, PortalLink, User, Workspace
from accounts.roles import Role
from accounts.services.invitations import invitation_revoke
from accounts.services.members import member_remove
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.foundation.mail.letters import Letter
from billing.foundation.mail.models import MailWish
from billing.foundation.mail.others import letter_send
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.site.selectors import site
from portal.persons.data import addresses_of, mails_to

KIND = "account.erased"
TEXT = """Your account on {product} was deleted, as you asked. Nobody can sign in with it any more.

Your name, your addresses, your sessions and your ways to sign in are gone, and you have left your workspaces. \
Invoices and the record of what was paid, used and changed stay with the workspaces as the law demands.

This cannot be undone. You can sign up again with this address; nothing of the former account comes back."""


def hindrances(user: User) -> list[str]:
    """Why the account cannot be deleted now, each with what to do; empty when it can."""
    if user.erased_at is not None:
        return ["This account was deleted already."]
    found = []
    if user.is_staff or user.is_superuser:
        found.append("It is an account of the operator's staff. Another administrator has to end that first.")
    if alone := sole_workspaces(user):
        names = ", ".join(f"“{workspace.name}”" for workspace in alone)
        found.append(f"It is the only owner of {names}. Make somebody else an owner there first, or ask support.")
    return found


def sole_workspaces(user: User) -> list[Workspace]:
    """Those that would be without an owner."""
    owned = Workspace.objects.filter(memberships__user=user, memberships__role=Role.OWNER).order_by("pk")
    others = Membership.objects.filter(role=Role.OWNER).exclude(user=user).values("workspace")
    return list(owned.exclude(pk__in=others))


@transaction.atomic
def person_erase(*, user: User, by: User, reason: str = "", request: HttpRequest | None = None) -> None:
    """Once and for all. Raises `Refused` for what hinders it, and then nothing has changed."""
    # The workspaces first, in order, as whoever changes their people does; then nobody else can leave them ownerless.
    ids = list(Membership.objects.filter(user=user).order_by("workspace_id").values_list("workspace_id", flat=True))
    list(Workspace.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"))
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if problems := hindrances(user):
        raise Refused(" ".join(problems))
    address, addresses = user.email, addresses_of(user)
    _leave(user, addresses, request)
    _forget_mails(user, addresses)
    _close(user)
    record(
        action="account.erased",
        actor=by,
        target=f"person {user.pk}",
        reason=reason or "asked by the person",
        request=request,
    )
    _confirm(address, user)


def nameless(user: User) -> str:
    """What stands in place of the address; no mail can go there (RFC 2606)."""
    return f"deleted-{user.pk}@deleted.invalid"


def _leave(user: User, addresses: list[str], request: HttpRequest | None) -> None:
    for membership in Membership.objects.filter(user=user).select_related("workspace").order_by("workspace_id"):
        member_remove(membership=membership, by=user, request=request)
    invited = Invitation.objects.filter(email__in=addresses)
    for invitation in invited.filter(accepted_at=None, revoked_at=None).select_related("workspace"):
        invitation_revoke(invitation=invitation, by=None, request=request)
    invited.update(email=nameless(user))
    PortalLink.objects.filter(user=user).delete()


def _forget_mails(user: User, addresses: list[str]) -> None:
    """What waits is not sent; of what was sent the person's address goes, and the text where nobody else got it."""
    MailWish.objects.filter(address__in=addresses).delete()
    for message in mails_to(addresses).select_for_update():
        others = [address for address in message.to if address.lower() not in addresses]
        if message.status == OutboxMessage.Status.QUEUED and not others:
            message.delete()
            continue
        message.to = [*others, nameless(user)]
        if not others:
            message.text = message.html = message.unsubscribe = ""
            message.subject, message.emptied_at = "(deleted)", clock.now()
        message.save(update_fields=["to", "text", "html", "unsubscribe", "subject", "emptied_at"])


def _close(user: User) -> None:
    Authenticator.objects.filter(user=user).delete()
    EmailAddress.objects.filter(user=user).delete()
    for session in UserSession.objects.filter(user=user):
        session.end()
    user.groups.clear()
    user.user_permissions.clear()
    user.email, user.name, user.is_active, user.last_login = nameless(user), "", False, None
    user.erased_at = clock.now()
    user.set_unusable_password()  # which ends every session that is left, too
    user.save()


def _confirm(address: str, user: User) -> None:
    product = site().product_name
    letter = Letter(
        subject=f"Your account on {product} was deleted",
        text=TEXT.format(product=product),
        reason=f"Sent to you because {address} was used on {product}",
    )
    letter_send(letter, to=[address], kind=KIND, key=f"erased:{user.pk}")
