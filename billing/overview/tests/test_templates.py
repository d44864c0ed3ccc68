"""The content security policy forbids inline code; these rules keep every template within it."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted(
    path
    for folder in (ROOT / "templates", *ROOT.glob("accounts/**/templates"), *ROOT.glob("billing/**/templates"))
    for path in folder.rglob("*.html")
    # unfold's admin has a policy of its own, and mail programs know no style sheet
    if not {"admin", "email"} & set(path.parts)
)

FORBIDDEN = {
    "a style attribute": r"<[^>]*\sstyle\s*=",
    "an event attribute": r"<[^>]*\son[a-z]+\s*=",
    "hx-on": r"\bhx-on[:\s=-]",
    "an inline script": r"<script(?![^>]*\b(?:src|type=\"application/json\"))[^>]*>",
    "an inline style sheet": r"<style[\s>]",
    "js: or javascript:": r"[\"']\s*(?:js|javascript):",
    "a trigger filter": r"hx-trigger=\"[^\"]*\[",
    "a foreign address": r"(?:src|href)=\"(?:https?:)?//",
}


def test_there_are_templates_to_look_at() -> None:
    assert len(TEMPLATES) > 40
    assert ROOT / "templates/base.html" in TEMPLATES


@pytest.mark.parametrize("rule", FORBIDDEN)
def test_no_template_contains(rule: str) -> None:
    # An attribute selector such as input[type=search] in hx-trigger is no filter: it follows "find".
    pattern = re.compile(FORBIDDEN[rule], re.IGNORECASE)
    texts = {path.relative_to(ROOT): re.sub(r"find [a-z]+\[[^\]]*\]", "find", path.read_text()) for path in TEMPLATES}
    assert [str(path) for path, text in texts.items() if pattern.search(text)] == []


def test_icon_buttons_have_a_name() -> None:
    unnamed = []
    for path in TEMPLATES:
        for tag in re.findall(r"<(?:a|button)\b[^>]*btn--icon[^>]*>", path.read_text()):
            if "aria-label" not in tag:
                unnamed.append(f"{path.relative_to(ROOT)}: {tag}")
    assert unnamed == []


def test_style_sheets_never_fade_text() -> None:
    """Opacity lowers contrast below what people can read; only chart shapes and hidden tooltips may use it."""
    allowed = {"charts.css"}
    faded = [
        path.name
        for path in (ROOT / "static/css").glob("*.css")
        if path.name not in allowed and re.search(r"^\s*opacity:", path.read_text(), re.MULTILINE)
    ]
    assert faded == []
