"""Constraints and indexes that are changed in place are those that Django's own way leaves behind."""

from contextlib import nullcontext
from typing import Any

import pytest
from django.core.management import get_commands
from django.db import connection, models
from django.db.migrations import operations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from portal.management.rendering import options_in_place

POSITIVE = models.CheckConstraint(condition=models.Q(amount__gt=0), name="positive")
NOT_NEGATIVE = models.CheckConstraint(condition=models.Q(amount__gte=0), name="positive")
ONCE = models.UniqueConstraint(fields=["shop", "number"], name="once")
START: list[Operation] = [
    operations.CreateModel("Shop", [("id", models.AutoField(primary_key=True))]),
    operations.CreateModel(
        "Sale",
        [
            ("id", models.AutoField(primary_key=True)),
            ("shop", models.ForeignKey("tests.Shop", models.CASCADE, related_name="sales")),
            ("number", models.IntegerField()),
            ("amount", models.IntegerField()),
        ],
        {"indexes": [models.Index(fields=["number"], name="numbers")]},
    ),
]
CHANGES: list[Operation] = [
    operations.AddConstraint("sale", POSITIVE),
    operations.AddConstraint("sale", ONCE),
    operations.AddIndex("sale", models.Index(fields=["amount"], name="amounts")),
    operations.RemoveIndex("sale", "numbers"),
    operations.RemoveConstraint("sale", "positive"),
    operations.AddConstraint("sale", NOT_NEGATIVE),
    operations.RemoveConstraint("sale", "once"),
    operations.AddField("sale", "paid", models.BooleanField(default=False)),
]


def migrated(way: Any) -> tuple[list[Any], list[str]]:
    """The classes' options after each change, and the SQL of all."""
    state = ProjectState()
    for operation in START:
        operation.state_forwards("tests", state)
    assert state.apps  # built
    seen = []
    with way, connection.schema_editor(collect_sql=True) as editor:
        for operation in CHANGES:
            before = state.clone()
            operation.state_forwards("tests", state)
            operation.database_forwards("tests", editor, before, state)
            sale, shop = (state.apps.get_model("tests", name) for name in ("sale", "shop"))
            meta = sale._meta
            fields = [field.name for field in shop._meta.get_fields()]
            own = [*meta.constraints, None, *meta.total_unique_constraints, None, *meta.indexes]
            seen.append(([each and each.deconstruct() for each in own], fields))
            assert sale._meta.get_field("shop").related_model is shop
    return seen, editor.collected_sql


@pytest.mark.django_db
def test_classes_and_sql_are_those_of_django() -> None:
    classes, sql = migrated(options_in_place())
    assert (classes, sql) == migrated(nullcontext())
    assert len(sql) == len(CHANGES) + 1  # the default of a new column is taken away again


def test_no_other_class_is_built_anew() -> None:
    state = ProjectState()
    for operation in START:
        operation.state_forwards("tests", state)
    shop, sale = (state.apps.get_model("tests", name) for name in ("shop", "sale"))
    with options_in_place():
        CHANGES[0].state_forwards("tests", state)
    assert state.apps.get_model("tests", "shop") is shop
    assert state.apps.get_model("tests", "sale") is sale
    assert sale._meta.constraints == [POSITIVE]


def test_it_is_what_migrates() -> None:
    assert get_commands()["migrate"] == "portal"
