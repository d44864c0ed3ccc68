"""Parsing what people type about budgets."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms

from accounts.forms import Radios, ServiceForm
from accounts.models import ApiKey, Membership, Project, User, Workspace
from accounts.selectors.keys import keys_of
from billing.credits.units import AmountOutOfRange, credits, exact_nano
from billing.usage.budgets.models import Budget

KINDS = [
    ("stop", "Refuse requests beyond it"),
    ("alert", "Only tell people"),
]
WHOLE = "workspace"


@dataclass(frozen=True)
class Subject:
    """What a budget is for; all None: the whole workspace."""

    project: Project | None = None
    api_key: ApiKey | None = None
    member: User | None = None


class AmountForm(ServiceForm):
    """How much, and what happens then."""

    credits = forms.DecimalField(max_digits=19, decimal_places=9, min_value=Decimal(0))
    kind = forms.ChoiceField(
        choices=KINDS,
        initial="stop",
        label="When it is used up",
        widget=Radios,
        help_text="Either way there is an e-mail when four fifths of it are used, and when all of it is.",
    )

    def __init__(self, *args: Any, unit: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["credits"].label = unit.capitalize()

    def clean_credits(self) -> int:
        """In nano-credits."""
        try:
            return exact_nano(self.cleaned_data["credits"])
        except AmountOutOfRange as error:
            raise forms.ValidationError(str(error)) from error

    @property
    def stops(self) -> bool:
        return bool(self.cleaned_data["kind"] == "stop")


class BudgetForm(AmountForm):
    subject = forms.ChoiceField(label="For")
    period = forms.ChoiceField(
        choices=[("day", "Each day"), ("month", "Each month")],
        initial="month",
        label="Period",
        help_text="Of the workspace’s time zone.",
    )
    field_order = ("subject", "period", "credits", "kind")

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subjects = _subjects(workspace)
        field = self.fields["subject"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for mypy
        field.choices = _choices(self.subjects)

    @property
    def chosen(self) -> Subject:
        return self.subjects[self.cleaned_data["subject"]]


def _subjects(workspace: Workspace) -> dict[str, Subject]:
    """By the value of their choice."""
    projects = Project.objects.filter(workspace=workspace, archived_at=None).order_by("name")
    keys = [key for key in keys_of(workspace) if not key.ended]
    members = Membership.objects.filter(workspace=workspace).select_related("user").order_by("user__email")
    return (
        {WHOLE: Subject()}
        | {f"project:{each.pk}": Subject(project=each) for each in projects}
        | {f"key:{each.pk}": Subject(api_key=each) for each in keys}
        | {f"member:{each.user_id}": Subject(member=each.user) for each in members}
    )


def _choices(subjects: dict[str, Subject]) -> list[Any]:
    groups: dict[str, list[tuple[str, str]]] = {"A project": [], "An API key": [], "All keys of a member": []}
    for value, subject in subjects.items():
        if subject.project:
            groups["A project"].append((value, str(subject.project)))
        elif subject.api_key:
            groups["An API key"].append((value, f"{subject.api_key.name} ({subject.api_key.prefix}…)"))
        elif subject.member:
            groups["All keys of a member"].append((value, str(subject.member)))
    return [(WHOLE, "The whole workspace"), *((name, found) for name, found in groups.items() if found)]


def shown(budget: Budget) -> dict[str, Any]:
    """The initial values of an AmountForm."""
    return {"credits": credits(budget.amount), "kind": "stop" if budget.stops else "alert"}
