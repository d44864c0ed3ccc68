"""All tables of dj-stripe at once, as its installed models say: the pinned version's, so what its migrations lead to.

With an upgrade of dj-stripe: add the names of its new migrations to `replaces`, and name this file after the last of
them. New databases then get the new tables here; existing ones, which have some of the replaced migrations, take the
new ones themselves. The tests in `billing/gateway/tests/test_stripe_migrations.py` fail until that is done.
"""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState


class CreateInstalledModels(Operation):
    """The models of an app as they are now, and their tables.

    At once: one `CreateModel` after the other, each would make Django work out anew what all others look like.
    """

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        vars(state).pop("apps", None)  # worked out again at its next use
        for model in apps.get_app_config(app_label).get_models():
            state.add_model(ModelState.from_model(model))

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        for model in _models(app_label, to_state):
            schema_editor.create_model(model)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        for model in _models(app_label, from_state):
            schema_editor.delete_model(model)

    def describe(self) -> str:
        return "Create the tables of all installed models"


def _models(app_label: str, state: ProjectState) -> Iterator[type[models.Model]]:
    return state.apps.get_app_config(app_label).get_models()


class Migration(migrations.Migration):
    initial = True
    replaces = [("djstripe", "0001_initial"), ("djstripe", "0002_2_10"), ("djstripe", "0003_2_11")]
    # After most that hangs together with people: with each migration Django works out anew the models that hang
    # together with those it changes, and sixty more from the beginning would double the time that a new database takes.
    # Nothing newer is ever named here: whoever has applied this one could not migrate any more.
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("accounts", "0001_squashed_0008_erased_people"),
        ("alerts", "0001_squashed_0005_answers_of_alerts"),
        ("api", "0001_squashed_0003_rate_window_of_workspaces"),
        ("foundation", "0001_squashed_0019_find_entries_and_mails"),
        ("gateway", "0001_stripe_customers"),
        ("invoices", "0001_squashed_0002_issued_is_fixed"),
        ("ledger", "0001_squashed_0018_list_what_came_in_on_some_days"),
        ("metering", "0001_squashed_0021_usage_of_before"),
        ("packs", "0001_squashed_0008_payments_in_usdc"),
        ("plans", "0001_squashed_0014_limits_of_their_own"),
        ("pricing", "0001_squashed_0011_terms_are_whole"),
        ("usage", "0001_squashed_0003_fewer_indexes"),
        ("budgets", "0001_budgets"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("trial", "0001_flow_sums"),
        ("usersessions", "0001_initial"),
        ("worth", "0001_sums_of_the_ledger_by_day"),
    ]
    operations = [CreateInstalledModels()]
