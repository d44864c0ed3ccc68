"""A piece of news of every kind, as it reads in real life, for a workspace with the worst name there is."""

from accounts.models import Workspace
from billing.foundation.mail.kinds import KINDS
from billing.foundation.mail.telling import News

WORST = "<b>Acme</b> [x](http://evil.example) & www.evil.example"
LINK = "https://purser.example/w/ws_1/credits?a=1&b=2"

FACTS = "Number: INV-2026-0042\nDate: 28 November 2026\nCredits: 20,000\nTotal: $100.00"
TEXTS: dict[str, tuple[str, str, str]] = {  # subject, text, button
    "account": (
        "482913 is your sign-in code for Purser",
        "Enter this code to sign in:\n\n    482913\n\nIt is good for 10 minutes and works once. If you did not"
        " ask for it, do nothing: without the code nobody gets in.",
        "",
    ),
    "invoice.receipt": (
        "Receipt for {name}: invoice INV-2026-0042",
        f"Thank you. We received $100.00 for {{name}}. 20,000 credits were added to its balance. The PDF is attached."
        f"\n\n{FACTS}",
        "See the invoice",
    ),
    "invoice.issued": (
        "Invoice INV-2026-0043 for {name}: $1,250.00, due 28 December 2026",
        f"Here is the invoice for {{name}}. Please pay $1,250.00 by 28 December 2026. The PDF is attached.\n\n{FACTS}\n"
        "To be paid: $1,250.00\nDue on: 28 December 2026\n\nBy transfer, with the reference INV-2026-0043:\n\n"
        "Example Bank\nAT61 1904 3002 3457 3201\nBKAUATWW",
        "See the invoice",
    ),
    "subscription.unpaid": (
        "The payment of $29.00 for {name} was declined",
        "The payment of $29.00 for the Pro plan of {name} was declined. It is tried again in the next days."
        "\n\nNothing is taken away: the credits you have stay. New ones are added as soon as it is paid.",
        "Pay it now",
    ),
    "prices.changed": (
        "GPT-4o costs {name} more from 3 December",
        "Prices of models that {name} used in the last 30 days change.\n\nDearer:\n\nGPT-4o (openai/gpt-4o), from"
        " 3 December 2026, 00:00 (Europe/Vienna):\n\nInput tokens (over 200,000 tokens) per 1M tokens: 500 credits"
        " ($2.50) → 600 credits ($3.00), +20%\nOutput tokens per 1M tokens: 2,000 credits ($10.00) → 2,400 credits"
        " ($12.00), +20%\n"
        "Your last 30 days: 12,403 requests\nAt the old prices: 993.02 credits ($4.97)\nAt the new ones: 198.60 credits"
        " ($0.99) more\n\nWhat you have already used keeps the price it had.",
        "See its prices",
    ),
    "ledger.drift": (
        "Purser: the ledger does not add up (2 findings)",
        "The hourly verification of the ledger of Purser found 2 problems in 1 workspace.\n\n- ws_1, transfer 3:"
        " digest: not what the chain says\n- ws_1: balance_after: 3 more\n\nWhat to do\n1. Change nothing in the"
        " database, and take a backup now: make backup\n2. See what there is to see:\n   manage.py verify_ledger"
        " --workspace ws_1\n   manage.py trial_balance\n3. Compare with the last backup from before.",
        "Open the admin",
    ),
    "api_key.created": (
        "A new API key of {name}",
        "An API key of {name} was made.\n\nName: production\nKey: psk_a8Fh2kL9…\nMade by: ann@acme.example\n"
        "It may: usage:write, usage:read\nWhen: 28 November 2026, 17:30 UTC\n\nIf you do not know what it is for,"
        " revoke it: from then on requests with it are refused.",
        "See the API keys",
    ),
    "credits.granted": (
        "10,000 credits for {name}",
        "10,000 credits came in for {name}.\n\nCredits: 10,000 credits\nFor: Pro plan, December 2026\nGood until:"
        " 28 February 2027, 00:00 (Europe/Vienna)",
        "See your credits",
    ),
}


def sample(kind: str, workspace: Workspace) -> News:
    title = KINDS[kind].title
    subject, text, button = TEXTS.get(kind, (f"{title}: {{name}}", f"{title}. It concerns {{name}}, today.", "Look"))
    return News(
        workspace=workspace,
        kind=kind,
        key=f"sample:{kind}",
        subject=subject.replace("{name}", workspace.name),
        text=text.replace("{name}", workspace.name),
        link=LINK if button else "",
        button=button,
        also=(("Use another card", "https://purser.example/cards"),) if kind == "subscription.unpaid" else (),
    )
