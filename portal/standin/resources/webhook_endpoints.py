"""Where webhooks go, and the events they tell of."""

import secrets

from portal.standin.errors import Json, invalid
from portal.standin.params import merged_metadata, required, truth
from portal.standin.routes import readable, route
from portal.standin.world import API_VERSION, World


@route("POST", "webhook_endpoints", "WebhookEndpointCreateParams")
def create(world: World, params: Json) -> Json:
    """Only this answer has the secret."""
    endpoint = world.create(
        "webhook_endpoint",
        "we_",
        metadata=params.get("metadata"),
        api_version=params.get("api_version") or API_VERSION,
        application=None,
        description=params.get("description") or None,
        enabled_events=required(params, "enabled_events"),
        status="enabled",
        url=_url(required(params, "url")),
    )
    secret = world.private(endpoint["id"])["secret"] = f"whsec_{secrets.token_hex(16)}"
    return {**endpoint, "secret": secret}


def _url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise invalid("Invalid URL: An explicit scheme (such as https) must be provided.", "url", "url_invalid")
    return url


@route("POST", "webhook_endpoints/{id}", "WebhookEndpointModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    endpoint = world.get("webhook_endpoint", id)
    if "url" in params:
        endpoint["url"] = _url(params["url"])
    if "enabled_events" in params:
        endpoint["enabled_events"] = params["enabled_events"]
    if "description" in params:
        endpoint["description"] = params["description"] or None
    if "disabled" in params:
        endpoint["status"] = "disabled" if truth(params["disabled"]) else "enabled"
    if "metadata" in params:
        endpoint["metadata"] = merged_metadata(endpoint["metadata"], params["metadata"])
    return endpoint


@route("DELETE", "webhook_endpoints/{id}")
def delete(world: World, params: Json, id: str) -> Json:
    world.get("webhook_endpoint", id)
    world.store.remove("webhook_endpoint", id)
    world.store.remove("private", id)
    return {"id": id, "object": "webhook_endpoint", "deleted": True}


readable("webhook_endpoints", "webhook_endpoint", "WebhookEndpointListParams")


def _events_where(event: Json, asked: Json) -> bool:
    kinds, kind, done = asked.pop("types", None), asked.pop("type", None), asked.pop("delivery_success", None)
    return (
        (kinds is None or event["type"] in kinds)
        and (kind is None or event["type"] == kind or (kind.endswith("*") and event["type"].startswith(kind[:-1])))
        and (done is None or (event["pending_webhooks"] == 0) == truth(done))
    )


readable("events", "event", "EventListParams", _events_where)
