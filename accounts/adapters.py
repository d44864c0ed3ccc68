"""How django-allauth is bent to this site."""

import base64
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts import hooks


class AccountAdapter(DefaultAccountAdapter):
    """E-mails name the product and link to SITE_URL, whatever host name the request came in by."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        always = {
            "request": allauth_context.request,
            "email": email,
            "current_site": {"name": hooks.product_name[0](), "domain": urlsplit(settings.SITE_URL).netloc},
            "site_url": settings.SITE_URL,
        }
        self.render_mail(template_prefix, email, always | context).send()

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.SITE_URL + path.replace("UID-KEY", quote(key))

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("accounts:home")

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return reverse("accounts:home")


class MFAAdapter(DefaultMFAAdapter):
    """TOTP secrets and recovery seeds are stored encrypted: a copy of the database alone gives nobody a code."""

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _cipher().decrypt(encrypted_text.encode()).decode()

    def _get_site_name(self) -> str:
        return hooks.product_name[0]()

    def get_totp_issuer(self) -> str:
        return hooks.product_name[0]()


def _cipher() -> MultiFernet:
    """Encrypts with SECRET_KEY; also reads what was encrypted with SECRET_KEY_FALLBACKS."""
    return MultiFernet([_fernet(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


@cache
def _fernet(secret: str) -> Fernet:
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"purser.mfa").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))
