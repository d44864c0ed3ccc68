"""Part of verify_ledger: clones and what was charged for them agree, in both directions."""

from django.db.models import Sum

from billing.ledger.models import HoldResolution, Transfer
from billing.ledger.records import Problem
from billing.plans.addons.paying import KIND
from billing.voices.clones.charging import NAMESPACE, ORIGIN
from billing.voices.models import VoiceJob


def verify_clones(workspace_id: int) -> list[Problem]:
    """Each charged clone took what it was quoted at, and whatever was taken for a clone has its job."""
    charged = VoiceJob.objects.filter(voice__owner=workspace_id, charge__isnull=False)
    promised = {job.charge_id or 0: int((job.price_snapshot or {})["nano"]) for job in charged}
    rows = Transfer.objects.filter(workspace=workspace_id, kind=KIND, operation__namespace=NAMESPACE)
    taken = dict(rows.values_list("operation").annotate(Sum("amount")).order_by("operation"))
    wrong = [
        f"operation {key} took {taken.get(key, 0)} nano-credits, its job says {promised.get(key, 0)}"
        for key in sorted(promised.keys() | taken.keys())
        if promised.get(key, 0) != taken.get(key, 0)
    ]
    # Of holds of requests, the usage that settled them is looked at elsewhere.
    settled = HoldResolution.objects.filter(workspace=workspace_id, hold__origin=ORIGIN, kind="settle")
    without = settled.exclude(operation__in=promised)
    wrong += [f"hold {pk} was settled, and no clone was charged" for pk in without.values_list("hold_id", flat=True)]
    return [Problem(workspace_id, "voice clone", what) for what in wrong]
