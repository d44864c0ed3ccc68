"""A good request for every POST and PUT route of the API, and what its fields must not say."""

from typing import Any

from portal.testing.malformed import (
    CLOUD,
    CLOUDS,
    MISSING,
    NO_NUMBER,
    NO_OBJECT,
    NO_TIME,
    Fields,
    Target,
    no_text,
    under,
)
from portal.testing.malformed import usage_fields as usage

EVENT = {
    "event_id": "never",
    "model": "openai/gpt-4o-mini",
    "usage": {"input_tokens": 1200, "output_tokens": 300},
    "variant": {"tier": "batch"},
    "occurred_at": "2026-01-02T03:04:05Z",
    "agent": "support-bot",
    "end_user": "u_1",
    "metadata": {"a": [1, "x"]},
}
ASKED = {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 1200, "output_tokens": 300}, "task": "chat"}
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "never",
    "source": "/gateway",
    "type": "com.example.usage",
    "time": "2026-01-02T03:04:05Z",
    "data": {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 1200, "output_tokens": 300}},
}
NO_LIFE: tuple[Any, ...] = (0, -1, 86_401, 1.5, "x", True, [], {})
_ASKED_FIELDS: Fields = {
    ("model",): no_text(200),
    ("usage",): (*NO_OBJECT, {}, {"": 1}),
    ("usage", "input_tokens"): NO_NUMBER,
    ("usage_format",): (5, "", "mistral"),
    ("variant",): (*NO_OBJECT, {"a": [1]}),
    ("text",): (5, True, ["x"], {"a": 1}, "nul\0", "half \ud800"),
    ("max_output_tokens",): NO_NUMBER,
    ("project",): no_text(120),
    ("task",): no_text(120),
    ("typo",): (1,),
}
_CLOUD_FIELDS: Fields = {
    ("specversion",): ("0.3", 1.0, "", None, MISSING),
    ("id",): no_text(200, required=True),
    ("source",): (*no_text(1_000, required=True), "two words", "/half%2", "a#b#c"),
    ("type",): no_text(1_000, required=True),
    ("subject",): (5, "", "nobody", "\0", ["x"]),
    ("time",): NO_TIME,
    ("datacontenttype",): (5, "", "text/plain", "application/cbor"),
    ("dataBase64",): ("e30=",),
    ("data_base64",): ("e30=", 5),
    ("extension",): ({"a": 1}, [1], 1.5),
    ("data",): (*NO_OBJECT, None, MISSING, {}),
    ("data", "event_id"): ("other", 5, ""),
    **under(("data",), {place: bad for place, bad in usage(event_id=False).items() if place != ("occurred_at",)}),
}


def targets(*, workspace: str, hold: str, member: str) -> list[Target]:
    """`workspace`, an open `hold` and a `member` (by e-mail) of it exist: every good request would do something."""
    whose = (("Purser-Workspace", workspace),)
    named = (*whose, ("Idempotency-Key", "never"))
    given = (("Idempotency-Key", "never"),)
    large = 4 * 1024 * 1024
    settled = {"event_id": "never", "usage": EVENT["usage"], "end_user": "u_1"}
    wanted: Fields = {
        ("packId",): (*no_text(40, required=True), "nonsense"),
        ("promotionCode",): (5, True, [], "\0", "nonsense"),
        ("typo",): (1,),
    }
    may_be_left_out = {("event_id",): (*no_text(200), "")}
    return [
        Target("/api/v1/usage", EVENT, usage(), headers=whose),
        Target(
            "/api/v1/usage/batch",
            {"events": [EVENT]},
            {
                **under(("events", 0), usage()),
                ("events", 0): (5, None, [], "x"),
                ("events", 0, "workspace"): (5, [], "", "nobody", "x" * 121, "\0"),
                ("events",): (*NO_OBJECT[:3], {}, None, MISSING, [], [EVENT] * 1_001),
                ("typo",): (1,),
            },
            headers=whose,
            batch=True,
            largest=large,
        ),
        Target("/api/v1/usage/events", CLOUD_EVENT, _CLOUD_FIELDS, content_type=CLOUD, headers=whose),
        Target(
            "/api/v1/usage/events",
            [CLOUD_EVENT],
            under((0,), _CLOUD_FIELDS),
            content_type=CLOUDS,
            headers=whose,
            batch=True,
            largest=large,
        ),
        *(
            Target(path, ASKED, _ASKED_FIELDS, headers=whose, largest=large)
            for path in ("/api/v1/usage/estimate", "/v1/usage/estimate")
        ),
        Target(
            "/api/v1/usage/authorize",
            ASKED,
            {**_ASKED_FIELDS, ("max_credits",): NO_NUMBER, ("expires_in",): NO_LIFE},
            headers=named,
            takes_key=True,
            largest=large,
        ),
        Target(f"/api/v1/usage/holds/{hold}/settle", settled, usage(event_id=False) | may_be_left_out, headers=whose),
        Target(f"/api/v1/usage/holds/{hold}/release", {}, headers=named, takes_key=True, takes_body=False),
        Target(
            f"/api/v1/usage/holds/{hold}/extend",
            {"expires_in": 60},
            {("expires_in",): NO_LIFE, ("typo",): (1,)},
            headers=named,
            takes_key=True,
        ),
        Target(
            "/api/v1/subscription",
            {"plan": "pro", "interval": "month", "tier": 0},
            {
                ("plan",): (*no_text(40, required=True), "nonsense"),
                ("interval",): (5, "", "week", ["month"]),
                ("tier",): (*NO_NUMBER, -1, 1.5, 1, 10**7),
                ("action",): ("cancel", "stop", 5),  # besides a plan
                ("typo",): (1,),
            },
            headers=named,
            takes_key=True,
        ),
        Target(
            "/api/v1/subscription/addons",
            {"addon": "concurrency", "quantity": 1},
            {
                ("addon",): (*no_text(40, required=True), "nonsense"),
                ("quantity",): (*NO_NUMBER, "1", 0, 1.5, None, 21, 10**7),
                ("at",): (*NO_TIME, "2999-01-01T00:00:00Z"),
                ("typo",): (1,),
            },
            headers=named,
            takes_key=True,
        ),
        *(
            Target(path, {"packId": "growth"}, wanted, headers=named, takes_key=True)
            for path in ("/api/v1/credits/checkout", "/api/stripe/create-checkout-session")
        ),
        Target(
            "/api/v1/credits/topup",
            {"amount_usd": 5},
            {
                ("amount_usd",): (*NO_NUMBER, 0, "5.001", 10**7),
                ("packId",): (5, "", "growth"),  # besides an amount
                ("typo",): (1,),
            },
            headers=named,
            takes_key=True,
        ),
        *(
            Target(
                path,
                {"enabled": False, "threshold": 150, "amount": 1000, "day_limit_usd": 20, "month_limit_usd": 60},
                {
                    ("enabled",): (5, "", "yes", [True]),
                    ("threshold",): (*NO_NUMBER, 0),
                    ("amount",): (*NO_NUMBER, 0, 1),
                    ("amount_usd",): (5, "x", True),  # besides an amount
                    ("target",): (*NO_NUMBER, 0, 150),
                    ("day_limit_usd",): (*NO_NUMBER, 0, 0.1, "20.001", 10**7),
                    ("month_limit_usd",): (*NO_NUMBER, 0, 0.1, "60.001", 10**7),
                    ("typo",): (1,),
                },
                headers=named,
                takes_key=True,
            )
            for path in ("/api/v1/auto-top-up/settings", "/api/auto-top-up/settings")
        ),
        Target(
            "/api/v1/alerts/settings",
            {"percents": [50, 90], "low_credits": 20, "low_days": 3, "month_usd": 12.5},
            {
                ("percents",): (5, "", "50", [60], [50, 75, 90, 100, 50], [[50]]),
                ("low_credits",): (*NO_NUMBER, 0),
                ("low_days",): (*NO_NUMBER, 0, 1.5, 91),
                ("month_usd",): (*NO_NUMBER, 0, "0.001"),
                ("typo",): (1,),
            },
            headers=named,
        ),
        Target(
            "/api/v1/resources/never",
            {"kind": "container", "quantity": 2, "name": "Never", "project": "never"},
            {
                ("kind",): (5, None, "", "server", "CONTAINER", ["container"], MISSING),
                ("quantity",): (*NO_NUMBER, 0, None),
                ("name",): (*no_text(120), None),
                ("project",): (*no_text(120), None),
                ("typo",): (1,),
            },
            headers=whose,
            method="PUT",
        ),
        Target(
            "/api/v1/workspaces",
            {"name": "Never", "external_id": "never", "owner_email": "never@example.com", "plan": "pro"},
            {
                ("name",): (*no_text(120, required=True), "  "),
                ("external_id",): (5, [], "", " x", "..", "a\nb", "x" * 121, "\0", "\ud800"),
                ("owner_email",): (*no_text(254, required=True), "nobody", "a@b@c"),
                ("plan",): (5, "", "nonsense", "x" * 41, "\0"),
                ("time_zone",): (5, "", None, "Mars/Olympus", "../etc/passwd", "x" * 65),
                ("usage_write_allowed",): ("yes", 1, None, []),
                ("typo",): (1,),
            },
            headers=given,
            names_workspace=False,
            takes_key=True,
        ),
        Target(
            f"/api/v1/workspaces/{workspace}/grants",
            {"credits": 5, "reason": "Never"},
            {
                ("credits",): (*NO_NUMBER, 0, None, MISSING),
                ("reason",): (*no_text(500, required=True), " "),
                ("label",): (*no_text(120), None, ""),
                ("expires_at",): NO_TIME,
                ("typo",): (1,),
            },
            headers=given,
            names_workspace=False,
            takes_key=True,
        ),
        Target(
            f"/api/v1/workspaces/{workspace}/portal-session",
            {"email": member, "return_path": "/credits"},
            {
                ("email",): (5, "", "nobody@example.com", "\0", []),
                ("return_path",): (5, "https://evil.example", "//evil.example", "credits", "\0", [], "/\\evil"),
                ("typo",): (1,),
            },
            names_workspace=False,
            body_optional=True,
        ),
    ]
