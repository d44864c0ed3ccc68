"""Which model a reference means."""

import pytest

from billing.pricing.names import Catalogue

CATALOGUE = Catalogue(
    [
        ("openai", "gpt-4o-mini", ["gpt-4o-mini-2024-07-18"], True, "text"),
        ("azure", "gpt-4o-mini", [], False, "text"),
        ("openrouter", "openai/gpt-4o-mini", [], False, "text"),
        ("anthropic", "claude-sonnet-4-5", ["claude-4-5-sonnet"], True, "text"),
        ("google", "gemini-2.5-flash", [], True, "text"),
        ("a", "shared", [], False, "text"),
        ("b", "shared", [], False, "text"),
        ("c", "only-here", [], False, "text"),
    ]
)


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        ("openai/gpt-4o-mini", ("openai", "gpt-4o-mini")),
        ("OpenAI/GPT-4o-mini", ("openai", "gpt-4o-mini")),
        ("openai/gpt-4o-mini-2024-07-18", ("openai", "gpt-4o-mini")),
        ("azure/gpt-4o-mini", ("azure", "gpt-4o-mini")),
        ("openrouter/openai/gpt-4o-mini", ("openrouter", "openai/gpt-4o-mini")),
        ("gpt-4o-mini", ("openai", "gpt-4o-mini")),  # its maker's
        ("gpt-4o-mini-2024-07-18", ("openai", "gpt-4o-mini")),
        ("claude-4-5-sonnet", ("anthropic", "claude-sonnet-4-5")),
        ("claude-sonnet-4-5-20250929", ("anthropic", "claude-sonnet-4-5")),
        ("gemini/gemini-2.5-flash", ("google", "gemini-2.5-flash")),
        ("only-here", ("c", "only-here")),
        ("shared", None),
        ("b/shared", ("b", "shared")),
        ("gpt-4o-mini-2024", None),
        ("gpt-4o", None),
        ("", None),
        ("/", None),
    ],
)
def test_references(ref: str, found: tuple[str, str] | None) -> None:
    assert CATALOGUE.find(ref) == found


def test_a_catalogue_that_is_added_makes_no_name_ambiguous() -> None:
    models = [
        ("c", "only-here", [], False, "text"),
        ("d", "only-here", [], False, "text"),
        ("d", "new", [], False, "text"),
    ]
    catalogue = Catalogue(models, further={("d", "only-here"), ("d", "new")})
    assert catalogue.find("only-here") == ("c", "only-here")
    assert catalogue.find("d/only-here") == ("d", "only-here")
    assert catalogue.find("new") == ("d", "new")
