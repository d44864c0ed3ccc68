"""Answers of the price list."""

from typing import Any

from accounts.models import Workspace
from billing.api.problems import Problem
from billing.api.schemas.lists import ModelsQuery


def models(workspace: Workspace, query: ModelsQuery) -> dict[str, Any]:
    raise Problem("unavailable")
