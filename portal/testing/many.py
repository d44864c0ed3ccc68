"""A hundred thousand rows of any table, copied from one that is there, or made up where there is none."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from django.contrib.postgres.fields import ArrayField
from django.db import IntegrityError, connection, models, transaction
from django.db.models.expressions import BaseExpression, Combinable, F

from billing.credits import clock

Table = type[models.Model]
Column: TypeAlias = "models.Field[Any, Any]"
Rows = Mapping[Table, Mapping[str, Any]]

# Neither triggers nor foreign keys are looked at. What belongs to one row only (one to one) belongs to the copy that
# is as many rows further, for its parent is copied alike.
_QUIETLY = "SET LOCAL session_replication_role = replica"


def multiply(
    tables: list[Table], *, to: int, made: Mapping[Table, Mapping[str, Any]] | None = None
) -> dict[Table, int]:
    """Copy a row of each of these tables until it has `to` of them; how many each then has. A table without any gets
    one of defaults first, and of what is given for it in `made`. Where the rules let no copy be, there is none.
    Call it in a transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(_QUIETLY)
        newest: dict[Any, object] = {}
        for table in tables:
            newest[table] = table._base_manager.order_by("-pk").values_list("pk", flat=True).first()
        for table in tables:
            newest[table] = newest[table] or _make(table, newest, (made or {}).get(table, {}))
        counts = {}
        for table in tables:
            counts[table] = have = table._base_manager.count()
            if have < to and _copied(_copies(table, newest, to - have)):
                counts[table] = to
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE")
    return counts


def _make(table: Table, newest: Mapping[Any, object], given: Mapping[str, Any]) -> object:
    """The key of a first row."""
    row = table()
    for field in _stored(table):
        if field.name in given:
            setattr(row, field.name, given[field.name])
        elif isinstance(field, models.AutoField) or field.has_default() or field.null or field.blank:
            continue
        elif isinstance(field, models.ForeignKey):
            setattr(row, field.attname, newest.get(field.related_model) or 1)
        else:
            setattr(row, field.attname, _plain(field))
    table._base_manager.bulk_create([row])
    return row.pk


def _stored(table: Table) -> list[Column]:
    return [field for field in table._meta.concrete_fields if not getattr(field, "generated", False)]


def _plain(field: Column) -> object:
    if field.choices:
        return dict(field.flatchoices).popitem()[0]
    if isinstance(field, models.DateTimeField):
        return clock.now()
    if isinstance(field, models.DateField):
        return clock.now().date().replace(day=1)
    if isinstance(field, models.BinaryField):
        return bytes(field.max_length or 32)
    plain: dict[type[Column], object] = {models.BooleanField: False, ArrayField: [], models.CharField: "X"}
    return next((value for kind, value in plain.items() if isinstance(field, kind)), 1)


def _copied(statement: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except IntegrityError:
        return False
    return True


def _copies(table: Table, newest: Mapping[Any, object], copies: int) -> str:
    own = _unique_fields(table)
    columns, values = [], []
    for field in _stored(table):
        columns.append(f'"{field.column}"')
        values.append(_changed(field, newest) if field in own else f't."{field.column}"')
    name, key = table._meta.db_table, table._meta.pk.column
    return (
        f'INSERT INTO "{name}" ({", ".join(columns)}) SELECT {", ".join(values)} '
        f'FROM (SELECT * FROM "{name}" ORDER BY "{key}" DESC LIMIT 1) t, generate_series(1, {copies}) n'
    )


def _unique_fields(table: Table) -> set[Column]:
    """Those that must differ from row to row: the key, what is unique alone, and one of what is unique together."""
    found = {field for field in _stored(table) if field.primary_key or field.unique}
    by_name = {field.name: field for field in _stored(table)}
    for names in _together(table):
        fields = [by_name[name] for name in names]
        if not found.intersection(fields):
            found.add(max(reversed(fields), key=_rank))  # of two alike the last one
    return found


def _together(table: Table) -> Iterator[tuple[str, ...]]:
    for constraint in table._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            yield tuple(constraint.fields) or tuple(_named(*constraint.expressions))
    for names in table._meta.unique_together:
        yield tuple(names)


def _named(*expressions: BaseExpression | Combinable) -> Iterator[str]:
    for expression in expressions:
        if isinstance(expression, F):
            yield expression.name
        elif isinstance(expression, BaseExpression):
            yield from _named(*expression.get_source_expressions())


def _rank(field: Column) -> int:
    """The higher, the less it says that rows differ in it: a filter must not offer a hundred thousand values."""
    kinds = (models.DateField, models.IntegerField, models.CharField, models.DateTimeField, models.BinaryField)
    if isinstance(field, models.BooleanField | models.SmallIntegerField) or field.choices or field.null:
        return -1
    return max((at for at, kind in enumerate(kinds, 1) if isinstance(field, kind)), default=0)


def _changed(field: Column, newest: Mapping[Any, object]) -> str:
    column = f't."{field.column}"'
    if isinstance(field, models.ForeignKey):
        of_copy = f"{newest.get(field.related_model, column)} + n" if field.unique else f"{column} + n"
        return f"CASE WHEN {column} IS NOT NULL THEN {of_copy} END"  # where the row has none, no copy has
    if isinstance(field, models.UUIDField):
        return "gen_random_uuid()"
    if isinstance(field, models.CharField | models.TextField):
        room = max((field.max_length or 100) - 6, 0)
        return f"left({column}, {room}) || lpad(n::text, 6, '0')"
    if isinstance(field, models.BinaryField):
        return "sha256(n::text::bytea)"
    if isinstance(field, models.DateTimeField):
        return f"{column} - n * interval '1 second'"
    return f"{column} - n" if isinstance(field, models.DateField) else f"{column} + n"
