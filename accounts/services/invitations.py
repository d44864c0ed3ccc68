"""Invitations: a link sent to one address, good for seven days, kept only as a hash."""

import hashlib
import secrets
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import F, Sum
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts import hooks
from accounts.errors import NotAllowed, Refused, Suspended
from accounts.mail import Note, NoteMessage
from accounts.models import Invitation, Membership, User, Workspace
from accounts.roles import Permission, Role, may
from accounts.services.members import locked_team, roles_to_give

GOOD_FOR = timedelta(days=7)
# A workspace is not a way to send mail to strangers: so many may be open, so many be sent within a day, those revoked
# since and those sent again included, and an address is written to at most this often.
MOST_OPEN = 50
MOST_A_DAY = 50
DAY = timedelta(days=1)
RESEND_AFTER = timedelta(minutes=1)


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def invitation_create(
    *, workspace: Workspace, email: str, role: str, by: User | None, request: HttpRequest | None = None
) -> Invitation:
    """Invite an address. One that ran out is replaced.

    Raises `Refused` for a member, an address already invited, and more invitations than a workspace may send.
    """
    email = _checked_email(email)
    with locked_team(workspace, by=by) as acting:
        _check_may_invite(acting, Role(role))
        if EmailAddress.objects.filter(email=email, verified=True, user__memberships__workspace=workspace).exists():
            raise Refused(f"{email} is already a member.", field="email")
        waiting = Invitation.objects.filter(workspace=workspace, accepted_at=None, revoked_at=None)
        same = waiting.annotate(address=Lower("email")).filter(address=email)
        if same.filter(expires_at__gt=timezone.now()).exists():
            raise Refused(f"{email} was already invited. If it got lost, send it again below.", field="email")
        same.update(revoked_at=timezone.now())
        if waiting.count() >= MOST_OPEN:
            raise Refused(f"At most {MOST_OPEN} invitations can be open. Revoke some that are no longer needed.")
        _check_pace(workspace, email)
        invitation = Invitation(workspace=workspace, email=email, role=role, invited_by=by)
        _issue(invitation)
        hooks.emit(
            action="member.invited",
            actor=by,
            workspace=workspace,
            target=email,
            after={"role": role},
            request=request,
        )
    return invitation


def invitation_resend(*, invitation: Invitation, by: User | None, request: HttpRequest | None = None) -> Invitation:
    """A new link for another seven days; the old one stops working."""
    with locked_team(invitation.workspace, by=by) as acting:
        current = _open(invitation)
        _check_may_invite(acting, Role(current.role))
        _check_pace(current.workspace, current.email)
        _issue(current)
        hooks.emit(
            action="member.invited_again",
            actor=by,
            workspace=current.workspace,
            target=current.email,
            after={"role": current.role},
            request=request,
        )
    return current


def invitation_revoke(*, invitation: Invitation, by: User | None, request: HttpRequest | None = None) -> None:
    """The link stops working. Revoking again changes nothing; one that was accepted stays accepted."""
    with locked_team(invitation.workspace, by=by) as acting:
        if acting is not None and not may(acting, Permission.MANAGE_TEAM):
            raise NotAllowed("Only owners and admins manage the team.")
        current = Invitation.objects.get(pk=invitation.pk)
        if current.accepted_at or current.revoked_at:
            return
        current.revoked_at = timezone.now()
        current.save(update_fields=["revoked_at"])
        hooks.emit(
            action="member.invitation_revoked",
            actor=by,
            workspace=current.workspace,
            target=current.email,
            before={"role": current.role},
            request=request,
        )


def invitation_accept(*, invitation: Invitation, user: User, request: HttpRequest | None = None) -> Membership:
    """Make the invited person a member. Only someone who has proven the invited address may; twice is once. Raises
    Suspended while the workspace is: the invitation can be accepted when it goes on.
    """
    with locked_team(invitation.workspace, by=None):
        current = Invitation.objects.select_related("workspace").get(pk=invitation.pk)
        if not may_accept(current, user):
            raise NotAllowed(f"This invitation was sent to {current.email}. Sign in with that address to accept it.")
        membership = Membership.objects.filter(workspace=current.workspace, user=user).first()
        if current.accepted_at and membership:
            return membership
        _open(current)
        if current.workspace.suspended_at is not None:
            raise Suspended(
                f"{current.workspace} is suspended at present, and nobody can join it. Nothing was changed."
            )
        if current.expires_at <= timezone.now():
            raise Refused("This invitation has run out. Ask for a new one.")
        current.accepted_at = timezone.now()
        current.save(update_fields=["accepted_at"])
        if membership is not None:  # joined another way in the meantime: keep the role they have
            return membership
        membership = Membership.objects.create(workspace=current.workspace, user=user, role=current.role)
        hooks.emit(
            action="member.joined",
            actor=user,
            workspace=current.workspace,
            target=current.email,
            after={"role": current.role},
            request=request,
        )
    return membership


def may_accept(invitation: Invitation, user: User) -> bool:
    """Whether the invited address is one that this person has proven to be theirs."""
    return bool(EmailAddress.objects.filter(user=user, verified=True, email__iexact=invitation.email).exists())


def invitation_by_token(token: str) -> Invitation | None:
    """The invitation of a link, whatever became of it."""
    return (
        Invitation.objects.select_related("workspace", "invited_by")
        .annotate(workspace_name=F("workspace__name"))
        .filter(token_digest=token_digest(token))
        .first()
    )


def _issue(invitation: Invitation) -> None:
    """Give the invitation a fresh link and send it. The outbox sends after commit, and drops it on rollback."""
    token = secrets.token_urlsafe(32)
    now = timezone.now()
    again = invitation.pk is not None and invitation.sent_at > now - DAY
    invitation.recent_sends = invitation.recent_sends + 1 if again else 1
    invitation.token_digest = token_digest(token)
    invitation.sent_at, invitation.expires_at = now, now + GOOD_FOR
    invitation.save()
    context = {
        "invitation": invitation,
        "inviter": str(invitation.invited_by) if invitation.invited_by else None,
        "role": Role(invitation.role).label.lower(),
        "days": GOOD_FOR.days,
        "product": hooks.product_name[0](),
    }
    subject = render_to_string("accounts/email/invitation_subject.txt", context)
    who = context["inviter"] or "somebody"
    note = Note(
        text=render_to_string("accounts/email/invitation.txt", context).strip(),
        kind="member.invited",
        reason=f"Sent to you because {who} invited {invitation.email} on {context['product']}",
        link=settings.SITE_URL + reverse("accounts:invitation", args=[token]),
        button="Accept the invitation",
        workspace=invitation.workspace,
    )
    NoteMessage(subject=" ".join(subject.split()), to=[invitation.email], note=note).send()


def _open(invitation: Invitation) -> Invitation:
    current = Invitation.objects.select_related("workspace", "invited_by").get(pk=invitation.pk)
    if current.revoked_at:
        raise Refused("This invitation was withdrawn.")
    if current.accepted_at:
        raise Refused("This invitation was already accepted.")
    return current


def _checked_email(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Refused("Enter a valid e-mail address.", field="email") from error
    return email


def _check_pace(workspace: Workspace, email: str) -> None:
    """Raises `Refused` when the address or the workspace was just sent too much. Call it under the team's lock."""
    now = timezone.now()
    sent = Invitation.objects.filter(workspace=workspace)
    same = sent.annotate(address=Lower("email")).filter(address=email.lower())
    if same.filter(sent_at__gt=now - RESEND_AFTER).exists():
        raise Refused(
            f"An invitation was sent to {email} a moment ago. Wait a minute before sending it again.", field="email"
        )
    if (sent.filter(sent_at__gt=now - DAY).aggregate(total=Sum("recent_sends"))["total"] or 0) >= MOST_A_DAY:
        raise Refused(
            f"A workspace sends at most {MOST_A_DAY} invitations in 24 hours. This one was not sent; try tomorrow."
        )


def _check_may_invite(acting: Role | None, role: Role) -> None:
    if acting is not None and not may(acting, Permission.MANAGE_TEAM):
        raise NotAllowed("Only owners and admins invite people.")
    if role not in roles_to_give(acting):
        raise NotAllowed("Only an owner can invite another owner.")
