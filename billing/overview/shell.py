"""The frame of a signed-in page: which workspace, whose, with which balance, and where its links lead."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from accounts import context as people
from accounts.models import Workspace
from accounts.roles import Role


@dataclass(frozen=True)
class Pill:
    """The balance in the top bar."""

    text: str
    state: str
    url: str


PAGES = {
    "overview": "overview:home",
    "usage": "overview:usage",
    "activity": "overview:activity",
    "models": "overview:models",
    "credits": "overview:credits",
    "keys": "accounts:keys",
    "projects": "accounts:projects",
    "team": "accounts:team",
    "settings": "accounts:workspace-settings",
}


class Shell:
    """Worked out as far as the template asks."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def _people(self) -> dict[str, Any]:
        return people.shell(self.request)

    @property
    def workspace(self) -> Workspace | None:
        workspace: Workspace | None = self._people["workspace"]
        return workspace

    @property
    def workspaces(self) -> list[Workspace]:
        return [membership.workspace for membership in self._people["memberships"]]

    @property
    def may(self) -> dict[str, bool]:
        allowed: dict[str, bool] = self._people["may"]
        return allowed

    @property
    def role_name(self) -> str:
        membership = self._people["membership"]
        return Role(membership.role).label if membership else ""

    @property
    def initials(self) -> str:
        words = str(self.request.user).replace("@", " ").split()
        return "".join(word[0] for word in words[:2])

    @cached_property
    def plan_name(self) -> str:
        return ""

    @cached_property
    def urls(self) -> dict[str, str]:
        if self.workspace is None:
            return {}
        found = {"api_docs": "/api/v1/docs"}
        for name, view in PAGES.items():
            try:
                found[name] = reverse(view, args=[self.workspace.public_id])
            except NoReverseMatch:
                found[name] = ""
        found["add_credits"] = found["credits"] + "#add"
        return found

    @cached_property
    def pill(self) -> Pill | None:
        return Pill(text="–", state="new", url=self.urls["overview"])
