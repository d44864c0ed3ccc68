"""Prepares what the server stands on: its directories, their owner, and programs its user can read."""

import os
import shutil
from pathlib import Path

from portal.embedded.account import Account, server_account
from portal.embedded.errors import EmbeddedError
from portal.embedded.places import SYSTEM_DIRECTORY, Places, enterable
from portal.embedded.programs import Runner, installed


def prepare(places: Places) -> Runner:
    """Make the directories of `places` if needed and return what runs programs there. Raises EmbeddedError."""
    account = server_account()
    try:
        _directories(places, account)
        software = installed()
        if account and not enterable(software):
            software = _copied(software, places)
    except OSError as error:
        raise EmbeddedError(f"cannot use {error.filename}: {error.strerror}") from error
    return Runner(software=software, cwd=places.base, log=places.log, account=account)


def _directories(places: Places, account: Account | None) -> None:
    places.base.parent.mkdir(parents=True, exist_ok=True)
    if places.base.parent == SYSTEM_DIRECTORY:
        _show_from_home(places)
    for directory in (places.base, places.socket_dir):
        directory.mkdir(exist_ok=True)
        if account:
            account.own(directory)
        elif directory.stat().st_uid != os.geteuid():
            raise EmbeddedError(f"{directory} belongs to another user")
        directory.chmod(0o700)
    places.log.touch()
    if account:
        account.own(places.log)
        _let_in(places)


def _show_from_home(places: Places) -> None:
    """The data lies outside of the home: leave a link where people look for it."""
    SYSTEM_DIRECTORY.chmod(0o711)
    places.home.mkdir(parents=True, exist_ok=True)
    if not (link := places.home / "postgres").is_symlink():
        link.symlink_to(places.base)


def _let_in(places: Places) -> None:
    """Let the server's user pass through the home, our own directory. Those above it are not ours to open."""
    if places.base.parent == places.home:
        places.home.chmod(places.home.stat().st_mode | 0o011)
    if not enterable(places.base.parent):
        closed = next(each for each in reversed(places.base.parents) if not each.stat().st_mode & 0o001)
        raise EmbeddedError(f"PostgreSQL's user cannot enter {closed}; set PURSER_HOME to a directory below /srv")


def _copied(source: Path, places: Places) -> Path:
    """The programs copied beside the data: the virtual environment lies where the server's user cannot enter."""
    target = places.software / source.parent.name / source.name
    libraries = source.parent.parent / f"{source.parent.name}.libs"
    if not target.exists():
        draft = places.base / "software.new"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(source, draft / source.parent.name / source.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        shutil.rmtree(places.software, ignore_errors=True)
        draft.rename(places.software)
    return target
