"""The forms of voice provisioning. Each is sent once, and asks for what has to be kept."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from billing.foundation.adminforms import ActionForm, ReasonForm, checked_field
from billing.voices.engines.datasets import datasets
from billing.voices.engines.services import folders
from billing.voices.models import EngineVersion
from billing.voices.prices import prices_of_tiers
from billing.voices.store import MOST_BYTES
from billing.voices.tiers import TIERS

MOST_FILES = 20


class ManyFiles(UnfoldAdminFileFieldWidget):
    allow_multiple_selected = True
    template_name = "admin/voices/files.html"


class FilesField(forms.FileField):
    """Several files; none is read before the form is valid."""

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        given = data if isinstance(data, list | tuple) else [data] if data else []
        if not given and self.required:
            raise forms.ValidationError("Choose at least one recording.")
        if len(given) > MOST_FILES:
            raise forms.ValidationError(f"At most {MOST_FILES} recordings at once.")
        return list(given)


def text(label: str, longest: int, help_text: str = "", **how: Any) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=longest, help_text=help_text, widget=UnfoldAdminTextInputWidget(), **how
    )


def prose(label: str, longest: int, help_text: str = "", **how: Any) -> forms.CharField:
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})
    return forms.CharField(label=label, max_length=longest, help_text=help_text, widget=widget, **how)


def choice(label: str, choices: Any, help_text: str = "") -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, help_text=help_text, widget=UnfoldAdminSelectWidget())


def priced_tiers() -> Iterable[tuple[str, str]]:
    """Only what has a price can be chosen."""
    prices = prices_of_tiers()
    return [(key, f"{tier.name}: {tier.needs}") for key, tier in TIERS.items() if key in prices]


def clips_field(*, required: bool) -> FilesField:
    return FilesField(
        label="Recordings",
        required=required,
        widget=ManyFiles(attrs={"accept": "audio/*,.wav,.flac,.ogg,.mp3"}),
        help_text=f"WAV, FLAC, OGG or MP3, at most {MOST_BYTES // 2**20} MiB and 300 seconds each, one person alone.",
    )


class ConsentForm(ActionForm):
    consent_by = text("Who agreed", 200, "The person whose voice it is, by full name.")
    consent_statement = prose(
        "To what, and where that is kept", 2000, "The words, and where the signed paper or recording is."
    )
    confirmed = checked_field("I have seen that this person agreed")


class ProvisionForm(ActionForm):
    name = text("Name", 80)
    language = text("Language", 10, "A code such as en, de or pt-br.", initial="en")
    tier = choice("Tier", priced_tiers, "Tiers without a price are not offered: enter one under Prices.")
    clips = clips_field(required=True)
    consent_by = text("Who agreed", 200, "The person whose voice it is. May be left for later.", required=False)
    consent_statement = prose("To what, and where that is kept", 2000, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if bool(data.get("consent_by")) != bool(data.get("consent_statement")):
            self.add_error("consent_by", "Say both who agreed and to what, or neither.")
        return data


class ClipsForm(ActionForm):
    clips = clips_field(required=True)


class ConfirmForm(ActionForm):
    confirmed = checked_field()


class TierForm(ActionForm):
    tier = choice("Tier", priced_tiers, "Tiers without a price are not offered.")
    confirmed = checked_field()


class TypedForm(ReasonForm):
    """For what is hard to take back: its name has to be typed."""

    typed = text("Type the name to confirm", 100)
    field_order = ("reason", "typed", "confirmed", "key")

    def __init__(self, data: Any, *, name: str) -> None:
        super().__init__(data)
        self.name = name
        self.fields["typed"].help_text = f"{name}"

    def clean_typed(self) -> str:
        if (said := str(self.cleaned_data["typed"]).strip()) != self.name:
            raise forms.ValidationError(f"Type it as it stands here: {self.name}")
        return said


class RegisterForm(ActionForm):
    family = choice("Engine", EngineVersion.Family.choices)
    folder = choice(
        "Folder",
        lambda: [(name, name) for name in folders()],
        "Below engines, where voices are kept. Its files are made read-only.",
    )
    label = text("Name", 60)
    licence = text("Licence", 200, "Under which the files may be used, such as CPML 1.0.0.")
    is_test = forms.BooleanField(
        label="A test engine: what it speaks is noise", required=False, widget=UnfoldBooleanWidget, initial=True
    )
    confirmed = checked_field()


class LicenceForm(ActionForm):
    statement = prose("Why it allows what you do with it", 500, "Kept for good, with your name.")
    confirmed = checked_field("I answer for that this engine may be used so")


class TrainForm(ActionForm):
    dataset = choice("Data set", lambda: [(name, name) for name in datasets()])
    epochs = forms.IntegerField(
        label="Epochs", min_value=1, max_value=1_000, initial=10, widget=UnfoldAdminIntegerFieldWidget()
    )
    batch_size = forms.IntegerField(
        label="Clips a step", min_value=1, max_value=256, initial=2, widget=UnfoldAdminIntegerFieldWidget()
    )


class ExportForm(ActionForm):
    label = text("Name of the new version", 60)
    confirmed = checked_field()
