"""Examples of requests, as the reference shows them."""

from typing import Any

_EVENT = {
    "event_id": "req_8f",
    "model": "openai/gpt-4o-mini",
    "usage": {"input_tokens": 1200, "output_tokens": 300},
    "project": "prod",
    "agent": "support-bot",
    "app": "web",
    "task": "chat",
    "end_user": "u_123",
}

BODIES: dict[str, Any] = {
    "usage_record": _EVENT,
    "usage_record_batch": {
        "events": [
            {key: _EVENT[key] for key in ("event_id", "model", "usage")},
            {
                "event_id": "req_90",
                "model": "openai/gpt-4o-mini",
                "usage_format": "openai",
                "usage": {
                    "prompt_tokens": 900,
                    "completion_tokens": 300,
                    "prompt_tokens_details": {"cached_tokens": 512},
                },
            },
        ]
    },
    "usage_record_cloudevents": {
        "specversion": "1.0",
        "id": "req_91",
        "source": "/gateway/eu",
        "type": "com.example.usage",
        "subject": "crm-17",
        "data": {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 1200, "output_tokens": 300}},
    },
    "usage_estimate": {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 900, "output_tokens": 300}},
    "usage_authorize": {
        "model": "openai/gpt-4o-mini",
        "text": "Write a haiku about autumn.",
        "max_output_tokens": 300,
        "task": "chat",
        "expires_in": 120,
    },
    "usage_hold_settle": {"usage": {"input_tokens": 8, "output_tokens": 27}},
    "usage_hold_extend": {"expires_in": 600},
    "credits_checkout": {"packId": "growth"},
    "credits_topup": {"amount_usd": 5},
    "auto_top_up_change": {"enabled": False, "threshold": 100, "amount": 1000, "month_limit_usd": 60},
    "alerts_change": {"percents": [50, 90, 100], "low_credits": 500, "month_usd": 200},
    "subscription_change": {"plan": "pro", "interval": "month"},
    "addons_set": {"addon": "concurrency", "quantity": 2},
    "resources_put": {"kind": "container", "quantity": 2, "name": "Web server", "project": "prod"},
    "workspaces_create": {
        "name": "Northwind AI",
        "external_id": "crm-17",
        "owner_email": "mira@northwind.example",
        "plan": "pro",
    },
    "workspaces_grant": {"credits": 500, "reason": "Goodwill for the outage of 3 March"},
    "workspaces_portal_session": {"email": "mira@northwind.example", "return_path": "/credits"},
}

QUERIES: dict[str, str] = {
    "addons_remove": "?addon=concurrency",
    "workspaces_list": "?limit=20",
    "usage_events": "?limit=20&agent=support-bot",
    "usage_breakdown": "?by=model",
    "usage_holds": "?status=open",
    "usage_holds_accuracy": "?by=task",
    "invoices_list": "?year=2027&kind=invoice",
    "resources_list": "?limit=20&state=running",
    "pricing_models": "?search=gpt-4o-mini",
}
