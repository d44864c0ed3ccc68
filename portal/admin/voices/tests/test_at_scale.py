"""Every page of voice provisioning opens in under a second with a hundred thousand voices, jobs and conditionings."""

from time import perf_counter

import pytest
from django.db import connection, transaction
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.voices.models import Conditioning, EngineVersion, RolloutItem, Voice, VoiceJob
from billing.voices.rollouts.steps import rollout_begin
from billing.voices.tests.conftest import enabled, engine, finished, work

MANY = 100_000
SECONDS = 1.0


def copies(model: type[Model], **changed: str) -> None:
    """Copy the newest row; what must differ is said in SQL, by `n`."""
    meta = model._meta
    columns = [field.column for field in meta.concrete_fields]
    values = [changed.get(column, f't."{column}"') for column in columns]
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {meta.db_table} ({names}) SELECT {', '.join(values)}"
            f" FROM (SELECT * FROM {meta.db_table} ORDER BY id DESC LIMIT 1) t, generate_series(1, {MANY}) n"
        )


@pytest.mark.slow
@pytest.mark.paced
@pytest.mark.django_db
def test_every_page_opens_in_under_a_second(active: EngineVersion) -> None:
    voice = enabled()
    version = engine()
    rollout = rollout_begin(version.pk, by="eve")
    finished(work())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        copies(Voice, id="t.id + n", public_id="'v' || n", name="'Voice ' || n")
        copies(Conditioning, id="t.id + n", voice_id="t.voice_id + n")
        copies(VoiceJob, id="t.id + n", public_id="'j' || n", voice_id=f"{voice.pk} + n", rollout_id="NULL")
        copies(RolloutItem, id="t.id + n", voice_id="t.voice_id + n", conditioning_id="t.conditioning_id + n")
        copies(EngineVersion, id="t.id + n", public_id="'e' || n", label="'v' || n")
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE")
    for model in (Voice, Conditioning, VoiceJob, RolloutItem, EngineVersion):
        assert model._default_manager.count() > MANY
    client = Client()
    client.force_login(User.objects.create_superuser(email="root@example.com", password="x"))
    job = VoiceJob.objects.order_by("pk").first()
    assert job is not None
    addresses = [
        *(reverse(name) for name in ("voice-provisioning", "voice-engine", "voice-rollout", "voice-jobs")),
        reverse("voice", args=[voice.pk]),
        reverse("voice-job", args=[job.pk]),
        reverse("voice-provisioning") + "?q=voice+99&state=enabled&page=5",
        reverse("voice-rollout") + f"?rollout={rollout.pk}&page=1000",
        reverse("voice-jobs") + "?state=done&page=1000",
        reverse("voice-act", args=["delete", voice.pk]),
    ]
    times = {}
    for address in addresses:
        client.get(address)
        started = perf_counter()
        assert client.get(address).status_code == 200, address
        times[address] = perf_counter() - started
        print(f"{address}: {times[address]:.2f} s")
    assert [address for address, seconds in times.items() if seconds >= SECONDS] == []
