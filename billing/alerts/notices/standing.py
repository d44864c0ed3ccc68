"""What the frame of every page shows: how many notices are unread, and what needs doing, in one query.

What needs doing is read from the rows of the packages below, so it is there as long as it is so. Every part finds its
rows by an index on the workspace. Cards are as dj-stripe keeps them: the one that was agreed on for top-ups, and the
one from which Stripe takes what the plan costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.urls import reverse

from accounts.models import Membership, Workspace
from accounts.roles import Permission, may
from billing.alerts.notices.needs import FOR_PLAN, FOR_TOP_UPS, Facts, Found, Need, needs
from billing.alerts.notices.selectors import RECENT, audiences_of
from billing.credits import clock
from billing.foundation.site.selectors import site
from billing.ledger.selectors import Balance
from billing.metering.selectors.days import zone
from billing.packs.cards import SOON

# Rows of (what, name, at, number).
_QUERY = """
SELECT 'unread', '', NULL::timestamptz, count(*) FROM (
    SELECT id, audience, created_at FROM alerts_notice WHERE workspace_id = %(workspace)s
    ORDER BY id DESC LIMIT %(recent)s
) n WHERE audience = ANY(%(audiences)s) AND created_at >= %(joined)s
    AND NOT EXISTS (SELECT FROM alerts_noticeread r WHERE r.notice_id = n.id AND r.user_id = %(user)s)
UNION ALL
SELECT 'plan', CASE WHEN awaits_confirmation THEN 'confirm' ELSE status END, past_due_since, 0
FROM plans_subscription
WHERE workspace_id = %(workspace)s AND ended_at IS NULL AND status IN ('past_due', 'unpaid')
UNION ALL
SELECT CASE WHEN NOT enabled THEN 'topup-off' WHEN paused_at IS NOT NULL THEN 'topup-paused'
        WHEN waits_for = 'back_off' THEN 'topup-declined' ELSE 'topup-capped' END,
    CASE WHEN enabled THEN waits_for ELSE off_because END, not_before, threshold FROM packs_autotopup
WHERE workspace_id = %(workspace)s AND (
    CASE WHEN enabled THEN paused_at IS NOT NULL
        OR (waits_for IN ('back_off', 'day', 'month') AND not_before > %(now)s)
    ELSE off_because <> '' END)
UNION ALL
SELECT 'topup-confirm', p.public_id, p.created_at, p.amount FROM packs_purchase p
JOIN packs_topup t ON t.purchase_id = p.id
WHERE p.workspace_id = %(workspace)s AND p.automatic AND p.status = 'open' AND t.outcome = 'confirmation'
UNION ALL
SELECT 'change', public_id, created_at, 0 FROM plans_subscriptionchange
WHERE workspace_id = %(workspace)s AND status = 'asked' AND problem <> ''
UNION ALL
SELECT CASE WHEN ends <= %(now)s THEN 'card-expired' ELSE 'card-soon' END,
    initcap(replace(stripe_data #>> '{card,brand}', '_', ' ')) || ' card ending in '
        || (stripe_data #>> '{card,last4}'),
    ends, used_for
FROM (
    SELECT method, bit_or(use) AS used_for FROM (
        SELECT c.method, %(top_ups)s AS use FROM packs_autotopup a JOIN packs_topupconsent c ON c.id = a.consent_id
        WHERE a.workspace_id = %(workspace)s AND a.enabled
        UNION ALL
        SELECT coalesce(s.stripe_data ->> 'default_payment_method',
            k.stripe_data #>> '{invoice_settings,default_payment_method}'), %(plan)s
        FROM plans_subscription p JOIN djstripe_subscription s ON s.id = p.stripe_id
        LEFT JOIN djstripe_customer k ON k.id = s.stripe_data ->> 'customer'
        WHERE p.workspace_id = %(workspace)s AND p.ended_at IS NULL AND p.ends_at IS NULL
    ) needed GROUP BY method
) needed JOIN djstripe_paymentmethod m ON m.id = needed.method, LATERAL (
    SELECT make_timestamptz(
        (stripe_data #>> '{card,exp_year}')::int, (stripe_data #>> '{card,exp_month}')::int, 1, 0, 0, 0, 'UTC'
    ) + interval '1 month' AS ends
) good
WHERE stripe_data ->> 'customer' IS NOT NULL AND ends <= %(soon)s
UNION ALL
SELECT 'addon-' || status, name, suspends_at, 0 FROM plans_workspaceaddon
WHERE workspace_id = %(workspace)s AND ended_at IS NULL AND status IN ('short', 'suspended')
UNION ALL
SELECT CASE WHEN stopping_at IS NULL THEN 'resources-warned' ELSE 'resources-stopping' END, '', shutdown_at, 0
FROM plans_shutdownwarning WHERE workspace_id = %(workspace)s AND ended_at IS NULL
UNION ALL
SELECT 'key-paused', k.name, p.paused_at, 0 FROM budgets_keypace p JOIN accounts_apikey k ON k.id = p.api_key_id
WHERE p.workspace_id = %(workspace)s AND p.paused_at IS NOT NULL AND k.revoked_at IS NULL
UNION ALL
SELECT 'webhook-off', coalesce(nullif(description, ''), url), off_at, 0 FROM alerts_webhookendpoint
WHERE workspace_id = %(workspace)s AND off IN ('failing', 'gone')
"""


@dataclass(frozen=True)
class Shown:
    """A need, with the address of where it is done."""

    need: Need
    url: str
    more_url: str


@dataclass(frozen=True)
class Standing:
    unread: int
    needs: tuple[Shown, ...]  # the most urgent first

    @property
    def count(self) -> str:
        return "99+" if self.unread > 99 else str(self.unread)

    @property
    def mark(self) -> str:
        """Of what a page shows of it: another one is another page."""
        return "~".join([str(min(self.unread, 100)), *(shown.need.mark for shown in self.needs)])


def standing_of(member: Membership, balance: Balance) -> Standing:
    """What the member may see of it. `balance` is that of the workspace, which every page has read already."""
    workspace = member.workspace
    rows = _rows(member)
    unread = next(row.number for row in rows if row.what == "unread")
    allowed = {permission for permission in Permission if may(member.role, permission)}
    facts = Facts(workspace.name, site().credit_name_plural, zone(workspace.time_zone), clock.now(), balance)
    found = needs([row for row in rows if row.what != "unread"], facts)
    shown = [_shown(need, workspace, allowed) for need in found if need.audience & allowed]
    return Standing(unread, tuple(shown))


def _rows(member: Membership) -> Sequence[Found]:
    with connection.cursor() as cursor:
        cursor.execute(
            _QUERY,
            {
                "workspace": member.workspace_id,
                "user": member.user_id,
                "audiences": list(audiences_of(member.role)),
                "joined": member.created_at,
                "recent": RECENT,
                "now": clock.now(),
                "soon": clock.now() + SOON,
                "top_ups": FOR_TOP_UPS,
                "plan": FOR_PLAN,
            },
        )
        return [Found(*row) for row in cursor.fetchall()]


def _shown(need: Need, workspace: Workspace, allowed: set[Permission]) -> Shown:
    view, *arguments = need.to
    url = reverse(view, args=[workspace.public_id, *arguments])
    if view == "packs:buy" and Permission.MANAGE_BILLING not in allowed:
        url = reverse("overview:credits", args=[workspace.public_id]) + "#add"  # which says whom to ask
    more = reverse(need.more, args=[workspace.public_id]) if need.more else ""
    return Shown(need, url, more)
