"""Databases of before the migrations of an app became one."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from portal.backups.errors import BackupError
from portal.backups.restore import _check
from portal.doctor import services
from portal.health.checks import NotApplied, _applied
from portal.management.commands.prepare import _migrate
from portal.upgrades import stopped_between, stopped_here

Names = set[tuple[str, str]]


@pytest.fixture
def recorder(db: None) -> MigrationRecorder:
    return MigrationRecorder(connection)


@pytest.fixture
def of_before(recorder: MigrationRecorder) -> Names:
    """What was applied before the new names were there."""
    return {(app, name) for app, name in recorder.applied_migrations() if "_squashed_" not in name}


def keep(recorder: MigrationRecorder, names: Names) -> None:
    for app, name in recorder.applied_migrations().keys() - names:
        recorder.record_unapplied(app, name)


def test_a_database_of_before_has_everything(recorder: MigrationRecorder, of_before: Names) -> None:
    keep(recorder, of_before)
    assert stopped_here() == ""
    assert _migrate() == 0
    assert ("ledger", "0001_squashed_0018_list_what_came_in_on_some_days") in recorder.applied_migrations()
    assert _migrate() == 0


def test_one_that_stopped_half_way_is_told_and_left_alone(recorder: MigrationRecorder, of_before: Names) -> None:
    keep(recorder, of_before - {("ledger", "0018_list_what_came_in_on_some_days"), ("plans", "0001_initial")})
    before = recorder.applied_migrations().keys()
    told = r"stopped between two versions, in the migrations of ledger \(17 of 18\), plans \(13 of 14\)\."
    with pytest.raises(CommandError, match=told):
        _migrate()
    with pytest.raises(SystemCheckError, match=told):
        call_command("migrate", skip_checks=False, verbosity=0)
    (finding,) = services.migrations()
    assert finding.state == "wrong"
    assert "ledger (17 of 18)" in finding.found
    _applied.cache_clear()
    with pytest.raises(NotApplied):
        _applied()
    assert recorder.applied_migrations().keys() == before


def test_a_new_one_that_was_stopped_between_two_apps_goes_on(of_before: Names) -> None:
    assert stopped_between(name for name in of_before if name[0] in ("auth", "accounts")) == ""
    assert stopped_between([]) == ""


def test_dj_stripes_own_migrations_are_still_there_to_go_on_with() -> None:
    assert stopped_between([("djstripe", "0001_initial")]) == ""


def test_a_backup_of_before_is_restored_and_one_of_a_half_way_database_is_not(tmp_path: Path, of_before: Names) -> None:
    manifest = tmp_path / "manifest.json"

    def check(applied: Names) -> None:
        names = sorted(".".join(each) for each in applied)
        manifest.write_text(json.dumps({"format": 1, "migrations": names}))
        _check(manifest, tmp_path / "backup.tar")

    check(of_before)
    with pytest.raises(BackupError, match="another version"):
        check(of_before - {("metering", "0021_usage_of_before")})
