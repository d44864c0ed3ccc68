from billing.plans.models.addons import AddOn, AddOnChange, WorkspaceAddOn
from billing.plans.models.catalogue import CreditTier, Plan, PlanVersion
from billing.plans.models.limits import WorkspaceLimits
from billing.plans.models.people import Provision, SignupGrant
from billing.plans.models.resources import Resource, ResourceQuantity, ShutdownWarning
from billing.plans.models.subscriptions import (
    AutoUpgrade,
    Interval,
    Subscription,
    SubscriptionChange,
    SubscriptionNotice,
)

__all__ = [
    "AddOn",
    "AddOnChange",
    "AutoUpgrade",
    "CreditTier",
    "Interval",
    "Plan",
    "PlanVersion",
    "Provision",
    "Resource",
    "ResourceQuantity",
    "ShutdownWarning",
    "SignupGrant",
    "Subscription",
    "SubscriptionChange",
    "SubscriptionNotice",
    "WorkspaceAddOn",
    "WorkspaceLimits",
]
