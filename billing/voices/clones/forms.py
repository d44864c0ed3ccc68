"""Parsing what people type about a voice of theirs."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from accounts.forms import ServiceForm
from billing.voices.samples import SENTENCES

ACCEPT = ".wav,.flac,.ogg,.mp3"
NAMES = {
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "pt": "Portuguese",
}
MOST_FILES = 10  # at once


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One file or several. The value is a list."""

    widget = FilesInput(attrs={"accept": ACCEPT})

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        given = data if isinstance(data, list | tuple) else [data] if data else []
        if len(given) > MOST_FILES:
            raise ValidationError(f"At most {MOST_FILES} files at once.")
        if not given and self.required:
            raise ValidationError("Choose at least one recording.")
        for each in given:
            super().clean(each, initial)
        return list(given)


class RecordingsForm(ServiceForm):
    recordings = FilesField(
        label="Recordings",
        help_text=f"WAV, FLAC, OGG or MP3, up to 25 MB and 5 minutes each, {MOST_FILES} at once. One person, no music.",
    )


class VoiceForm(RecordingsForm):
    name = forms.CharField(max_length=80, help_text="What your team calls the voice.")
    language = forms.ChoiceField(
        choices=[(code, NAMES[code]) for code in sorted(SENTENCES, key=lambda code: NAMES[code])], initial="en"
    )
    speaker = forms.CharField(max_length=200, label="Whose voice it is", help_text="The full name of the person.")
    agreed = forms.BooleanField(
        label="This person agreed to a synthetic copy of the voice, and I can show that they did.",
        error_messages={"required": "Without the person’s agreement no voice can be cloned."},
    )
    field_order = ["name", "language", "speaker", "recordings", "agreed"]


class OrderForm(ServiceForm):
    """What the page showed: the tier, and what it costs in nano-credits."""

    tier = forms.CharField(max_length=20)
    expected = forms.IntegerField(min_value=0)
