"""What each role of staff may do in the admin. The groups are brought up to this by every `migrate`.

Only superusers decide who is staff, and what about sign-in belongs to the people themselves: no role opens those pages.
"""

from django.contrib.admin import site
from django.contrib.auth.models import Group, Permission
from django.db import transaction

from accounts.staff import StaffRole

# Second factors, sessions, addresses and groups: with these one person could become another.
CLOSED = frozenset({"account.emailaddress", "auth.group", "mfa.authenticator", "usersessions.usersession"})

VOICES = ("voices.view_voice",)  # pages of their own, no lists: everybody looks and listens
NOTES = ("foundation.add_staffnote",)  # of staff, beside a customer: everybody
SUPPORT = (
    "accounts.view_as_customer",  # read-only, with a trace
    "alerts.change_webhookdelivery",  # send them again
    "budgets.change_keypace",  # let a paused key go on
    "foundation.change_outboxmessage",  # send messages again
    "foundation.change_staffnote",  # withdraw notes
)
FINANCE = (
    "accounts.suspend_workspace",  # and resume it
    "invoices.add_document",  # custom invoices, credit notes, write-offs
    "invoices.change_billingprofile",
    "invoices.change_seller",
    "ledger.add_operation",  # give and take credits, refund lots, take back grants and charges, release holds
    "packs.add_moneyback",  # refunds by card
    "packs.change_autotopup",  # let paused top-ups go on
    "plans.change_subscription",  # cancel, put on another plan
)
PRICING_APPS = ("plans", "pricing")
PRICING = tuple(f"packs.{act}_{model}" for act in ("add", "change", "delete") for model in ("pack", "promotion"))
PROVISIONING = ("voices.change_voice",)  # voices of the catalogue
ENGINES = ("voices.change_enginechannel",)  # versions, training, promotion
LIMITS = ("plans.change_workspacelimits",)  # a form on the customer's page, no list
NOT_PRICING = frozenset({"plans.change_subscription", "plans.add_subscription", "plans.delete_subscription"})


def names_of(role: StaffRole) -> set[str]:
    """The permissions of a role, as "app.codename"."""
    views, all_of_admin = _registered("view") | set(NOTES) | set(VOICES), _registered("add", "change", "delete", "view")
    match role:
        case StaffRole.SUPPORT:
            return views | set(SUPPORT)
        case StaffRole.FINANCE:
            return views | set(SUPPORT) | set(FINANCE)
        case StaffRole.PRICING:
            theirs = {name for name in all_of_admin if name.partition(".")[0] in PRICING_APPS}
            return views | (theirs - NOT_PRICING) | set(PRICING) | set(LIMITS) | set(PROVISIONING)
        case StaffRole.ADMIN:
            return views | all_of_admin | set(SUPPORT + FINANCE + PRICING + LIMITS + PROVISIONING + ENGINES)


def _registered(*acts: str) -> set[str]:
    """Those on the models that the admin shows, and staff may see."""
    open_models = [model._meta for model in site._registry if model._meta.label_lower not in CLOSED]
    named = {f"{meta.app_label}.{act}_{meta.model_name}" for meta in open_models for act in acts}
    return named | {f"foundation.{act}_duejob" for act in acts if act in ("view", "change")}  # a page, no list


def roles_update() -> None:
    """Make the four groups, and let each have exactly the permissions of its role."""
    found = Permission.objects.select_related("content_type")
    known = {f"{row.content_type.app_label}.{row.codename}": row for row in found}
    with transaction.atomic():
        for role in StaffRole:
            group, _ = Group.objects.get_or_create(name=role.value)
            group.permissions.set(known[name] for name in names_of(role) if name in known)
