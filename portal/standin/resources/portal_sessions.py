"""The customer portal: its configurations and sessions."""

from portal.standin.errors import Json, invalid, not_simulated
from portal.standin.params import merged_metadata, required, truth
from portal.standin.routes import readable, route
from portal.standin.world import World

FLOWS = {"payment_method_update", "subscription_cancel"}


def default_configuration(world: World) -> Json:
    for one in world.store.look("billing_portal.configuration"):
        if one["is_default"]:
            return one
    return _new(world, {}, default=True)


def _new(world: World, params: Json, *, default: bool = False) -> Json:
    profile = params.get("business_profile") or {}
    return world.create(
        "billing_portal.configuration",
        "bpc_",
        metadata=params.get("metadata"),
        active=True,
        application=None,
        business_profile={
            "headline": profile.get("headline") or None,
            "privacy_policy_url": profile.get("privacy_policy_url") or None,
            "terms_of_service_url": profile.get("terms_of_service_url") or None,
        },
        default_return_url=params.get("default_return_url") or None,
        features=_features(params.get("features") or {}),
        is_default=default,
        login_page={"enabled": False, "url": None},
        name=params.get("name") or None,
        updated=world.now(),
    )


def _features(given: Json) -> Json:
    def enabled(name: str, default: str = "true") -> bool:
        return truth((given.get(name) or {}).get("enabled", default))

    cancel = given.get("subscription_cancel") or {}
    return {
        "customer_update": {
            "allowed_updates": (given.get("customer_update") or {}).get("allowed_updates") or [],
            "enabled": enabled("customer_update", "false"),
        },
        "invoice_history": {"enabled": enabled("invoice_history")},
        "payment_method_update": {"enabled": enabled("payment_method_update"), "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "options": []},
            "enabled": enabled("subscription_cancel"),
            "mode": cancel.get("mode") or "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_update": {
            "billing_cycle_anchor": "unchanged",
            "default_allowed_updates": [],
            "enabled": False,
            "products": None,
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }


@route("POST", "billing_portal/configurations", "billing_portal.ConfigurationCreateParams")
def create_configuration(world: World, params: Json) -> Json:
    made = _new(world, params)
    return world.emit("billing_portal.configuration.created", made)


@route("POST", "billing_portal/configurations/{id}", "billing_portal.ConfigurationModifyParams")
def modify_configuration(world: World, params: Json, id: str) -> Json:
    made = world.get("billing_portal.configuration", id)
    if "features" in params:
        made["features"] |= {name: _features(params["features"])[name] for name in params["features"]}
    if "active" in params:
        made["active"] = truth(params["active"])
    if "default_return_url" in params:
        made["default_return_url"] = params["default_return_url"] or None
    if "metadata" in params:
        made["metadata"] = merged_metadata(made["metadata"], params["metadata"])
    made["updated"] = world.now()
    return world.emit("billing_portal.configuration.updated", made)


readable("billing_portal/configurations", "billing_portal.configuration", "billing_portal.ConfigurationListParams")


@route("POST", "billing_portal/sessions", "billing_portal.SessionCreateParams")
def create_session(world: World, params: Json) -> Json:
    customer = world.get("customer", required(params, "customer"), "customer")
    if params.get("configuration"):
        configuration = world.get("billing_portal.configuration", params["configuration"], "configuration")
    else:
        configuration = default_configuration(world)
    flow = params.get("flow_data")
    if flow and flow.get("type") not in FLOWS:
        raise not_simulated(f"the flow {flow.get('type')}", "flow_data[type]")
    if flow and flow["type"] == "subscription_cancel":
        subscription = world.get("subscription", (flow.get("subscription_cancel") or {}).get("subscription"))
        if subscription["customer"] != customer["id"]:
            raise invalid("That subscription belongs to another customer.", "flow_data[subscription_cancel]")
    session = world.create(
        "billing_portal.session",
        "bps_",
        metadata=False,
        configuration=configuration["id"],
        customer=customer["id"],
        flow=_flow(flow) if flow else None,
        locale=params.get("locale") or None,
        on_behalf_of=None,
        return_url=params.get("return_url") or configuration["default_return_url"],
    )
    session["url"] = world.page("portal", session["id"])
    return world.emit("billing_portal.session.created", session)


def _flow(given: Json) -> Json:
    after = given.get("after_completion") or {"type": "portal_homepage"}
    cancel = given.get("subscription_cancel")
    return {
        "after_completion": {
            "type": after.get("type") or "portal_homepage",
            "hosted_confirmation": None,
            "redirect": after.get("redirect"),
        },
        "subscription_cancel": {"subscription": cancel["subscription"], "retention": None} if cancel else None,
        "subscription_update": None,
        "subscription_update_confirm": None,
        "type": given["type"],
    }
