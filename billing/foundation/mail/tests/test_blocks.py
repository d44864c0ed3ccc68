"""Texts as blocks: nothing is lost, and what a person wrote stays text."""

import re

from hypothesis import given
from hypothesis import strategies as st

from billing.foundation.mail.blocks import GAP, Block, blocks, unlinked

LINES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=40)
TEXTS = st.lists(
    st.one_of(LINES, st.just(""), LINES.map("- {}".format), LINES.map("1. {}".format), LINES.map("Total: {}".format)),
    max_size=12,
).map("\n".join)


def test_paragraphs_lists_facts_and_codes() -> None:
    text = (
        "Hello there.\nA second line.\n\n\nNumber: 7\nTotal: $5\n\nWhat to do\n1. Look:\n   run this\n2. Act\n\n"
        "    123456\n\n- one\n- two"
    )
    assert blocks(text) == [
        Block("paragraph", ("Hello there.", "A second line.")),
        Block("facts", facts=(("Number", "7"), ("Total", "$5"))),
        Block("paragraph", ("What to do",)),
        Block("numbers", ("Look:\nrun this", "Act")),
        Block("code", ("123456",)),
        Block("bullets", ("one", "two")),
    ]
    assert [block.short for block in blocks(text)] == [False, False, False, False, True, False]


def test_one_line_is_a_sentence_whatever_it_begins_with() -> None:
    for line in ("- dashed", "* starred", "1. First", "Note: this", "# hash", "[x](http://evil)", "<b>"):
        assert blocks(f"{line} is short of credits.") == [Block("paragraph", (f"{line} is short of credits.",))]


@given(TEXTS)
def test_no_word_is_lost_or_made_up(text: str) -> None:
    said = "\n\n".join(block.text() for block in blocks(text))
    marks = re.compile(r"^\s*(?:[-*]|\d{1,2}\.)(?=\s|$)|\s", re.MULTILINE)
    assert marks.sub("", said) == marks.sub("", text)


@given(TEXTS)
def test_what_was_rendered_reads_the_same_again(text: str) -> None:
    said = "\n\n".join(block.text() for block in blocks(text))
    assert "\n\n".join(block.text() for block in blocks(said)) == said


@given(LINES, st.sampled_from(["http://", "https://", "ftp://", "HTTPS://", "javascript://"]), LINES)
def test_no_address_is_left(before: str, scheme: str, after: str) -> None:
    text = unlinked(before + scheme + after)
    assert not re.search(r"(?i)\b(?:https?|ftp|javascript)://", text)
    assert text.replace(GAP, "") == (before + scheme + after).replace(GAP, "")


def test_hosts_are_taken_apart_but_files_numbers_and_mailboxes_are_not() -> None:
    assert unlinked("see evil.example or www.evil.example/x") == (
        f"see evil{GAP}.example or www{GAP}.evil{GAP}.example/x"
    )
    same = "openai/gpt-4.1 costs 0.5, manage.py and docs/operations.md, ann@acme.example, e.g. now."
    assert unlinked(same) == same
