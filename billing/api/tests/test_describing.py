"""What it takes to describe the API."""

from typing import Any

import pytest
from ninja.openapi.schema import OpenAPISchema

from billing.api.openapi import document
from billing.api.schemas.base import ProblemDocument


def test_each_kind_of_answer_is_described_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a web process would take seconds for it."""
    known, described = document(), []
    usual = OpenAPISchema._create_schema_from_model

    def counted(self: OpenAPISchema, model: Any, *args: Any, **options: Any) -> Any:
        described.append(getattr(model, "__annotations__", {}).get("response"))
        return usual(self, model, *args, **options)

    monkeypatch.setattr(OpenAPISchema, "_create_schema_from_model", counted)
    assert document.__wrapped__() == known
    answers = [kind for kind in described if kind is not None]
    assert ProblemDocument in answers
    assert len(answers) == len(set(answers))
