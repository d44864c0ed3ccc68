"""The examples, in the languages there are clients for. Pure: what is shown is what the tests run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent

LANGUAGES = {"curl": "curl", "python": "Python", "typescript": "TypeScript"}


@dataclass(frozen=True)
class Snippet:
    anchor: str
    title: str
    text: str
    code: str


def snippets(
    language: str, *, base_url: str, model: str, usage: Mapping[str, int], records: bool
) -> tuple[Snippet, ...]:
    """What a request costs, the balance, and, where the workspace's keys may (`records`), holding and charging.

    The key is read from the environment variable PURSER_KEY.
    """
    values = {"base": base_url, "model": model, "usage": json.dumps(usage)}
    texts = {
        "estimate": ("What would it cost?", "Changes nothing, and says whether the balance covers it."),
        "balance": ("What is left?", "The balance, today and this month."),
        "charge": ("Hold, then charge", "Credits are set aside before the request; what it really used is charged."),
    }
    return tuple(
        Snippet(f"code-{name}", *texts[name], code=_filled(code, values))
        for name, code in CODE[language].items()
        if records or name != "charge"
    )


def _filled(code: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        code = code.replace(f"<{name}>", value)
    return code


CODE: Mapping[str, Mapping[str, str]] = {
    "curl": {
        "estimate": dedent("""\
            curl <base>/api/v1/usage/estimate \\
              -H "Authorization: Bearer $PURSER_KEY" \\
              -H "Content-Type: application/json" \\
              -d '{"model": "<model>",
                   "usage": <usage>}'"""),
        "balance": dedent("""\
            curl <base>/api/v1/credits/summary \\
              -H "Authorization: Bearer $PURSER_KEY\""""),
        "charge": dedent("""\
            HOLD=$(curl -s <base>/api/v1/usage/authorize \\
              -H "Authorization: Bearer $PURSER_KEY" \\
              -H "Content-Type: application/json" \\
              -d '{"model": "<model>",
                   "usage": <usage>}' \\
              | grep -o 'hold_[0-9]*')

            curl <base>/api/v1/usage/holds/$HOLD/settle \\
              -H "Authorization: Bearer $PURSER_KEY" \\
              -H "Content-Type: application/json" \\
              -d '{"usage": <usage>}'"""),
    },
    "python": {
        "estimate": dedent("""\
            import os
            from purser import Purser

            purser = Purser("<base>", os.environ["PURSER_KEY"])
            model = "<model>"
            usage = <usage>

            estimate = purser.estimate(model, usage=usage)
            print(estimate.credits, estimate.sufficient)"""),
        "balance": dedent("""\
            summary = purser.summary()
            print(summary.balance, summary.today, summary.this_month)"""),
        "charge": dedent("""\
            with purser.hold(model, usage=usage) as hold:
                # Ask the model here. If that fails, the hold is given back.
                charged = hold.settle(usage)
            print(charged.credits, charged.balance)"""),
    },
    "typescript": {
        "estimate": dedent("""\
            import { credits, nano, Purser } from "./purser.ts";

            const purser = new Purser("<base>", process.env.PURSER_KEY!);
            const model = "<model>";
            const usage = <usage>;

            const estimate = await purser.estimate({ model, usage });
            const price = nano(estimate.estimated_credits_nano);
            console.log(credits(price), estimate.sufficient);"""),
        "balance": dedent("""\
            const summary = await purser.summary();
            console.log(credits(nano(summary.balance_nano)), summary.state);"""),
        "charge": dedent("""\
            const charged = await purser.hold({ model, usage }, (hold) => {
              // Ask the model here. If that fails, the hold is given back.
              return hold.settle({ usage });
            });
            console.log(credits(nano(charged.credits_nano)));"""),
    },
}
