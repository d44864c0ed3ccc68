"""Making the demo, once."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from random import Random

from django.conf import settings
from django.db import transaction

from accounts.models import ApiKey, User, Workspace
from billing.credits import clock
from billing.plans.low import low_bound_refresh
from billing.pricing.models import PriceLine
from billing.pricing.services import prices_import
from portal.demo import access, elsewhere, payments, people, states, story
from portal.demo.infrastructure import end_all
from portal.demo.voices import voice_story

MAIN = "demo-northwind"
SEED = 20_260_101

Say = Callable[[str], None]


def _silent(words: str) -> None:
    pass


class NotADemo(Exception):
    """Demo data must never get into a real installation."""


def demo_seed(*, scale: story.Scale | None = None, say: Say = _silent) -> access.Access:
    """Make the demo people and workspaces unless they are there, and return the way in. Raises NotADemo."""
    if not settings.DEMO:
        raise NotADemo("Demo data is for demo installations only: set PURSER_DEMO=1 if this really is one.")
    password = access.kept("demo-password", access.new_password)
    workspace = Workspace.objects.filter(external_id=MAIN).first()
    if workspace is None:
        if not PriceLine.objects.exists():
            say("importing prices")
            prices_import()
        owner, till = people.demo_user(password), payments.till()
        _put_unfinished_away(owner, till or elsewhere.Elsewhere())
        with till.telling() if till else nullcontext():
            workspace = _tell(owner, scale or story.Scale(), clock.now(), say, till or elsewhere.Elsewhere())
    way_in = access.Access(
        url=settings.SITE_URL,
        email=access.EMAIL,
        password=_working_password(password),
        workspace=workspace.public_id,
        api_key=_working_key(workspace),
    )
    access.write_summary(way_in)
    return way_in


def _tell(owner: User, scale: story.Scale, now: datetime, say: Say, paying: payments.Payments) -> Workspace:
    rng = Random(SEED)  # noqa: S311 - the same story every time is the point
    say("voices")
    voice_story()
    shown = -1

    def progress(done: float) -> None:
        nonlocal shown
        if int(done * 10) > shown:
            shown = int(done * 10)
            say(f"a year of usage: {shown * 10}%")

    states.new_story(owner=owner, now=now)
    states.stopped_story(owner=owner, now=now, rng=rng)
    states.low_story(owner=owner, now=now, rng=rng, payments=paying)
    workspace, plain = story.main_story(owner=owner, now=now, scale=scale, rng=rng, progress=progress, payments=paying)
    low_bound_refresh(workspace.pk)
    with transaction.atomic():
        people.invite_somebody(workspace, owner)
        # One lands in the workspace that one saw last.
        workspace.memberships.filter(user=owner).update(last_seen_at=now)
        for made in people.unfinished():
            made.external_id = (made.external_id or "").removeprefix(people.UNFINISHED)
            made.save(update_fields=["external_id"])
        access.keep("demo-key", plain)
    return workspace


def _put_unfinished_away(owner: User, paying: payments.Payments) -> None:
    """What an interrupted start left: its ledger stays, as every ledger does, but nobody sees it or pays for it any
    more.
    """
    for workspace in people.unfinished():
        paying.stop(workspace, by=owner)
        end_all(workspace)
    with transaction.atomic():
        for workspace in people.unfinished():
            workspace.memberships.all().delete()
            workspace.api_keys.update(revoked_at=clock.now())
            workspace.invitations.update(revoked_at=clock.now())
            workspace.name, workspace.external_id = f"{workspace.name} (unfinished)", None
            workspace.save(update_fields=["name", "external_id"])


def _working_password(password: str) -> str:
    """The kept password, set anew when the home's secrets were lost but the database was not."""
    user = User.objects.get(email=access.EMAIL)
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return password


def _working_key(workspace: Workspace) -> str:
    """The kept key, or a new one if it was lost or revoked."""

    def new() -> str:
        project = workspace.projects.filter(slug="production").first()
        return people.demo_key(workspace, "Backend", project, clock.now())[1]

    plain = access.kept("demo-key", new)
    known = ApiKey.objects.filter(workspace=workspace, prefix=plain.rpartition("_")[0], revoked_at=None).exists()
    return plain if known else access.keep("demo-key", new())
