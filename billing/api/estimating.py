"""Answers of the estimate endpoint."""

from typing import Any

from billing.api.calls import Call
from billing.api.problems import Problem


def estimated(*, call: Call, raw: object) -> dict[str, Any]:
    raise Problem("unavailable")
