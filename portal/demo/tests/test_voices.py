"""The demo's voices are made by the real pipeline, on the engine that comes with it."""

from pathlib import Path

import pytest
from django.conf import LazySettings

from billing.pricing.testing import import_demo_prices
from billing.voices.models import Conditioning, EngineVersion, Voice
from billing.voices.serving import channel, serving
from portal.demo.voices import VOICES, voice_story

pytestmark = pytest.mark.django_db


def test_a_catalogue_that_can_be_listened_to(settings: LazySettings, tmp_path: Path) -> None:
    settings.VOICE_ROOT = str(tmp_path / "voices")
    import_demo_prices()
    made = voice_story()
    assert [(voice.name, voice.state) for voice in made] == [(each[0], "enabled") for each in VOICES]
    version = channel().active
    assert version == EngineVersion.objects.get()
    assert version.is_test
    for conditioning in serving(version, made).values():
        sample = (tmp_path / "voices" / conditioning.sample_path).read_bytes()
        assert sample[:4] == b"RIFF"
        assert len(sample) > 10_000
    assert voice_story() == []
    assert (Voice.objects.count(), Conditioning.objects.count()) == (3, 3)
