"""django-allauth's forms in our words; named in settings.ACCOUNT_FORMS."""

from typing import Any

from allauth.account import forms as allauth_forms
from django import forms

SHORTEST = 10  # as in settings.AUTH_PASSWORD_VALIDATORS


class _PlainWords(forms.BaseForm):
    """One spelling of e-mail, no placeholders that repeat the label."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            if name in ("login", "email"):
                field.label = "E-mail"
            if name == "password1":
                field.help_text = f"At least {SHORTEST} characters, and not one that is easy to guess."
            if name == "code":
                field.widget.attrs |= {"autofocus": True, "autocapitalize": "characters", "spellcheck": "false"}


class LoginForm(_PlainWords, allauth_forms.LoginForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["remember"].label = "Stay signed in on this device"


class SignupForm(_PlainWords, allauth_forms.SignupForm):  # type: ignore[misc]
    pass


class ChangeEmailForm(_PlainWords, allauth_forms.ChangeEmailForm):  # type: ignore[misc]
    pass


class AddEmailForm(_PlainWords, allauth_forms.AddEmailForm):  # type: ignore[misc]
    pass


class ResetPasswordForm(_PlainWords, allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    pass


class ResetPasswordKeyForm(_PlainWords, allauth_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    pass


class ChangePasswordForm(_PlainWords, allauth_forms.ChangePasswordForm):  # type: ignore[misc]
    pass


class SetPasswordForm(_PlainWords, allauth_forms.SetPasswordForm):  # type: ignore[misc]
    pass


class ReauthenticateForm(_PlainWords, allauth_forms.ReauthenticateForm):  # type: ignore[misc]
    pass


class RequestLoginCodeForm(_PlainWords, allauth_forms.RequestLoginCodeForm):  # type: ignore[misc]
    pass


class ConfirmLoginCodeForm(_PlainWords, allauth_forms.ConfirmLoginCodeForm):  # type: ignore[misc]
    pass


class ConfirmEmailVerificationCodeForm(
    _PlainWords,
    allauth_forms.ConfirmEmailVerificationCodeForm,  # type: ignore[misc]
):
    pass
