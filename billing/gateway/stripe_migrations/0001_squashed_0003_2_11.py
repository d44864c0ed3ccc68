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
    # After the portal's own: with each migration Django works out anew the models that hang together with those it
    # changes, and sixty more from the beginning would double the time that a new database takes. Nothing newer is ever
    # named here: whoever has applied this one could not migrate any more.
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("accounts", "0006_portal_link"),
        ("alerts", "0001_price_notices"),
        ("api", "0003_rate_window_of_workspaces"),
        ("foundation", "0012_due_job_runs"),
        ("gateway", "0001_stripe_customers"),
        ("invoices", "0002_issued_is_fixed"),
        ("ledger", "0013_open_holds"),
        ("metering", "0018_count_months"),
        ("packs", "0003_modes_and_answers"),
        ("plans", "0010_kept_as_agreed"),
        ("pricing", "0011_terms_are_whole"),
        ("usage", "0002_authorization_append_only"),
    ]
    operations = [CreateInstalledModels()]
