"""Mails about people and their accounts. What they say is apart from how they look, which is decided above."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse

from accounts import hooks
from accounts.models import Workspace

Links = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Note:
    """What a mail says. `text` is plain, without greeting, signature and links; addresses are absolute."""

    text: str
    kind: str = "account"
    reason: str = ""  # why it is sent, a sentence without its full stop
    link: str = ""
    button: str = ""
    also: Links = ()
    workspace: Workspace | None = None  # which it is about, for the log


class NoteMessage(EmailMessage):
    """A mail of Django that carries its note along; its body is for backends that know nothing of notes."""

    def __init__(self, *, subject: str, to: list[str], note: Note, sender: str | None = None) -> None:
        self.note = note
        links: Links = ((note.button, note.link),) if note.link else ()
        listed = "".join(f"\n\n{label}:\n{url}" for label, url in (*links, *note.also))
        body = f"Hello,\n\n{note.text}{listed}\n\n{hooks.product_name[0]()}\n{settings.SITE_URL}\n"
        super().__init__(subject=subject, body=body, from_email=sender, to=to)


def account_note(template_prefix: str, text: str, context: dict[str, Any]) -> Note:
    """The note of one of allauth's mails, with what its reader can do."""
    link, button = "", ""
    also: Links = ()
    name = template_prefix.rpartition("/")[2]
    if name == "password_reset_key":
        link, button = context["password_reset_url"], "Choose a new password"
    elif name == "account_already_exists":
        link, button, also = (
            _page("account_login"),
            "Sign in",
            (("Forgot the password?", _page("account_reset_password")),),
        )
    elif name == "unknown_account" and context.get("signup_url"):
        link, button = _page("account_signup"), "Create an account"
    elif "user_agent" in context:  # something about the account was changed
        link, button = _page("account_reset_password"), "Reset the password"
    reason = f"Sent to you because {context['email']} is used on {hooks.product_name[0]()}"
    if name == "unknown_account":
        reason = f"Sent to you because somebody entered {context['email']} on {hooks.product_name[0]()}"
    return Note(text=text, reason=reason, link=link, button=button, also=also)


def _page(name: str) -> str:
    return settings.SITE_URL + reverse(name)
