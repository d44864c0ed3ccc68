"""Variants as a person writes them."""

import pytest

from billing.pricing.variants import BadVariant, parse_variant, variant_text


@pytest.mark.parametrize(
    ("text", "dims"),
    [
        ("", {}),
        ("resolution=1080P, audio = with", {"audio": "yes", "resolution": "1080p"}),
        ("size=1024-x-1024\nquality=HD", {"quality": "hd", "size": "1024x1024"}),
        ("service_tier=Priority", {"tier": "priority"}),
        ("context_over=200,000".replace(",", "_"), {"context_over": "200000"}),
        ("utc_window=16:30-00:30,tier=batch", {"tier": "batch", "utc_window": "16:30-00:30"}),
        ("minimum=10", {"minimum": "10"}),
    ],
)
def test_what_is_meant(text: str, dims: dict[str, str]) -> None:
    assert parse_variant(text) == dims
    assert parse_variant(variant_text(dims)) == dims


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("resolutoin=4k", "“resolutoin” is no variant"),
        ("4k", "not of the form key=value"),
        ("tier=", "not of the form key=value"),
        ("tier=a, tier=b", "there twice"),
        ("audio=maybe", "audio is yes or no"),
        ("context_over=many", "a whole number above zero"),
        ("minimum=0", "a whole number above zero"),
        ("utc_window=25:00-01:00", "a time of day in UTC"),
        ("quality=<b>", "is no value of quality"),
    ],
)
def test_what_is_wrong_is_said(text: str, reason: str) -> None:
    with pytest.raises(BadVariant, match=reason):
        parse_variant(text)
