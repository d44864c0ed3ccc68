"""One step makes what dj-stripe's own migrations make."""

import pytest
from django.db import connection
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.test import override_settings

SHORT = ("djstripe", "0001_squashed_0003_2_11")
OWN = ("djstripe", "0003_2_11")


def state(nodes: list[tuple[str, str]]) -> ProjectState:
    return MigrationLoader(None).project_state(nodes)


def test_the_step_leads_where_their_own_way_leads() -> None:
    ours = state([SHORT])
    with override_settings(MIGRATION_MODULES={}):
        theirs = state([OWN])
    for one in (ours, theirs):
        for app, name in list(one.models):
            if app != "djstripe":
                one.remove_model(app, name)
    assert len(ours.models) == len(theirs.models) > 50
    for before, after in ((ours, theirs), (theirs, ours)):
        changes = MigrationAutodetector(before, after)._detect_changes()
        assert changes == {}


@pytest.mark.django_db
def test_a_new_database_took_the_step_and_knows_the_others_as_applied() -> None:
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
    applied = {name for app, name in executor.loader.applied_migrations if app == "djstripe"}
    assert applied >= {SHORT[1], OWN[1], "0001_initial", "0002_2_10"}
    assert executor.loader.graph.leaf_nodes("djstripe") == [SHORT]
