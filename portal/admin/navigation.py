"""The admin's sidebar: groups of the models that are registered, so a new package adds itself by its name here."""

from functools import partial
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from portal.admin import duework, movingin, priceapprovals, trialbalance, unrated, voices
from portal.admin.money import page as money

# (title, icon, "app.Model" or the name of a page in PAGES)
GROUPS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Customers",
        (
            ("Workspaces", "apartment", "accounts.Workspace"),
            ("People", "group", "accounts.User"),
            ("Staff notes", "sticky_note_2", "foundation.StaffNote"),
            ("Invitations", "mail", "accounts.Invitation"),
            ("API keys", "key", "accounts.ApiKey"),
            ("Projects", "folder", "accounts.Project"),
        ),
    ),
    (
        "Money",
        (
            ("Money", "monitoring", "money"),
            ("Exports", "file_export", "money-exports"),
            ("Wallets", "account_balance_wallet", "ledger.Wallet"),
            ("Lots", "savings", "ledger.Lot"),
            ("Holds", "lock", "ledger.Hold"),
            ("Operations", "receipt_long", "ledger.Operation"),
            ("Transfers", "swap_horiz", "ledger.Transfer"),
            ("Proposals", "approval", "foundation.Proposal"),
            ("Trial balance", "balance", "trial-balance"),
        ),
    ),
    (
        "Sales",
        (
            ("Packs", "inventory", "packs.Pack"),
            ("Promotion codes", "sell", "packs.Promotion"),
            ("Redemptions", "redeem", "packs.Redemption"),
            ("Purchases", "shopping_cart", "packs.Purchase"),
            ("Payments in USDC", "currency_exchange", "packs.CryptoPayment"),
            ("Refunds and disputes", "gavel", "packs.MoneyBack"),
            ("Disputes of invoices", "gavel", "packs.InvoiceDispute"),
            ("Reconciliations", "rule", "packs.Reconciliation"),
            ("Automatic top-ups", "autorenew", "packs.AutoTopUp"),
            ("Automatic charges", "receipt_long", "packs.TopUp"),
            ("Top-up agreements", "handshake", "packs.TopUpConsent"),
            ("Payment policy", "tune", "packs.PaymentPolicy"),
        ),
    ),
    (
        "Invoices",
        (
            ("Documents", "receipt", "invoices.Document"),
            ("Billing details", "contact_mail", "invoices.BillingProfile"),
            ("Numbers", "pin", "invoices.NumberCounter"),
            ("Seller", "storefront", "invoices.Seller"),
        ),
    ),
    (
        "Usage",
        (
            ("Events", "bolt", "metering.UsageEvent"),
            ("Without a price", "money_off", "unrated"),
            ("Allowances", "hourglass", "metering.Allowance"),
            ("Archived events", "inventory_2", "metering.EventArchive"),
        ),
    ),
    (
        "Catalogue",
        (
            ("Plans", "layers", "plans.Plan"),
            ("Plan versions", "history", "plans.PlanVersion"),
            ("Subscriptions", "event_repeat", "plans.Subscription"),
            ("Changes of plan", "published_with_changes", "plans.SubscriptionChange"),
            ("Automatic upgrades", "moving", "plans.AutoUpgrade"),
            ("Add-ons", "extension", "plans.AddOn"),
            ("Add-ons of workspaces", "toggle_on", "plans.WorkspaceAddOn"),
            ("Resources", "dns", "plans.Resource"),
            ("Shutdown warnings", "running_with_errors", "plans.ShutdownWarning"),
            ("Models", "neurology", "pricing.CatalogModel"),
            ("Prices", "sell", "pricing.PriceLine"),
            ("Price approvals", "price_check", "price-approvals"),
            ("Markups", "percent", "pricing.Markup"),
            ("Agreed prices", "handshake", "pricing.PriceOverride"),
            ("Tiers", "stairs", "pricing.TierSchedule"),
            ("Plan discounts", "loyalty", "pricing.PriceDiscount"),
            ("Meters", "straighten", "pricing.Meter"),
            ("Voices", "record_voice_over", "voice-provisioning"),
            ("Price sources", "cloud_download", "pricing.PriceSource"),
            ("Price imports", "download", "pricing.PriceImport"),
        ),
    ),
    (
        "System",
        (
            ("Site settings", "settings", "foundation.SiteSettings"),
            ("Audit log", "policy", "foundation.AuditEntry"),
            ("Outbox", "outbox", "foundation.OutboxMessage"),
            ("Usage alerts", "notifications", "alerts.UsageAlert"),
            ("Webhooks", "webhook", "alerts.WebhookEndpoint"),
            ("Webhook deliveries", "send", "alerts.WebhookDelivery"),
            ("Due work", "schedule", "due-work"),
            ("Moving in", "move_to_inbox", "moving-in"),
            ("Maintenance", "build", "foundation.MaintenanceRun"),
        ),
    ),
)

# Pages that are no list of a model: name of their URL → who may read them.
PAGES = {
    "due-work": duework.PERMISSION,
    "money": money.PERMISSION,
    "money-exports": money.MAY_EXPORT,
    "moving-in": movingin.PERMISSION,
    "trial-balance": trialbalance.PERMISSION,
    "unrated": unrated.PERMISSION,
    "price-approvals": priceapprovals.PERMISSION,
    "voice-provisioning": voices.PERMISSION,
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    first: dict[str, Any] = {
        "items": [{"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}],
    }
    if settings.DEMO:
        first["items"].append({"title": "Local outbox", "icon": "inbox", "link": reverse("foundation:outbox")})
    groups = (
        {"title": title, "separator": True, "items": list(filter(None, map(_item, items)))} for title, items in GROUPS
    )
    return [first, *(group for group in groups if group["items"])]


def _item(entry: tuple[str, str, str]) -> dict[str, Any] | None:
    title, icon, label = entry
    if permission := PAGES.get(label):
        allowed = partial(_may, permission=permission)
        return {"title": title, "icon": icon, "link": reverse(label), "permission": allowed}
    try:
        model = apps.get_model(label)
    except LookupError:
        return None
    if not admin.site.is_registered(model):
        return None
    name = f"{model._meta.app_label}_{model._meta.model_name}"
    view = f"{model._meta.app_label}.view_{model._meta.model_name}"
    return {
        "title": title,
        "icon": icon,
        "link": reverse(f"admin:{name}_changelist"),
        "permission": partial(_may, permission=view),
    }


def _may(request: HttpRequest, *, permission: str) -> bool:
    return request.user.has_perm(permission)
