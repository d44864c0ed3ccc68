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


class LoginForm(_PlainWords, allauth_forms.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["remember"].label = "Stay signed in on this device"


class SignupForm(_PlainWords, allauth_forms.SignupForm):
    pass


class ChangeEmailForm(_PlainWords, allauth_forms.ChangeEmailForm):
    pass


class AddEmailForm(_PlainWords, allauth_forms.AddEmailForm):
    pass


class ResetPasswordForm(_PlainWords, allauth_forms.ResetPasswordForm):
    pass


class ResetPasswordKeyForm(_PlainWords, allauth_forms.ResetPasswordKeyForm):
    pass


class ChangePasswordForm(_PlainWords, allauth_forms.ChangePasswordForm):
    pass


class SetPasswordForm(_PlainWords, allauth_forms.SetPasswordForm):
    pass


class ReauthenticateForm(_PlainWords, allauth_forms.ReauthenticateForm):
    pass


class RequestLoginCodeForm(_PlainWords, allauth_forms.RequestLoginCodeForm):
    pass


class ConfirmLoginCodeForm(_PlainWords, allauth_forms.ConfirmLoginCodeForm):
    pass


class ConfirmEmailVerificationCodeForm(
    _PlainWords,
    allauth_forms.ConfirmEmailVerificationCodeForm,
):
    pass
