"""How django-allauth is bent to this site."""

from typing import Any
from urllib.parse import quote, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from accounts import hooks
from accounts.cipher import cipher
from accounts.mail import NoteMessage, account_note
from accounts.services.people import session_close

PURPOSE = "purser.mfa"


class AccountAdapter(DefaultAccountAdapter):
    """E-mails name the product and link to SITE_URL, whatever host name the request came in by."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        always = {
            "request": allauth_context.request,
            "email": email,
            "current_site": {"name": hooks.product_name[0](), "domain": urlsplit(settings.SITE_URL).netloc},
            "site_url": settings.SITE_URL,
        }
        filled = always | context
        mail = self.render_mail(template_prefix, email, filled)
        note = account_note(template_prefix, str(mail.body).strip("\n"), filled)
        NoteMessage(subject=str(mail.subject), to=[email], note=note, sender=mail.from_email).send()

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.SITE_URL + path.replace("UID-KEY", quote(key))

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("accounts:home")

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return reverse("accounts:home")


class SessionsAdapter(DefaultUserSessionsAdapter):
    """Signing other devices out is told to the audit, each of them."""

    @transaction.atomic
    def end_sessions(self, sessions: list[UserSession]) -> None:
        for session in sessions:
            session_close(session=session, by=session.user, request=allauth_context.request)


class MFAAdapter(DefaultMFAAdapter):
    """TOTP secrets and recovery seeds are stored encrypted: a copy of the database alone gives nobody a code."""

    def encrypt(self, text: str) -> str:
        return cipher(PURPOSE).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return cipher(PURPOSE).decrypt(encrypted_text.encode()).decode()

    def _get_site_name(self) -> str:
        return hooks.product_name[0]()

    def get_totp_issuer(self) -> str:
        return hooks.product_name[0]()
