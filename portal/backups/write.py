"""Writes a backup: a tar file with the dump, the secrets and a note of what it is."""

import io
import json
import subprocess
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from django.db.migrations.recorder import MigrationRecorder

from portal.backups.errors import BackupError
from portal.backups.tools import connection_environment, private, tool
from portal.home import own_directory
from portal.settings.env import HOME

FORMAT = 1


def backup_write(target: Path | None = None) -> Path:
    """Dump database and secrets to `target` (default: `HOME/backups/purser-<time>.tar`), whole or not at all."""
    made_at = datetime.now(UTC)
    if target is None:
        target = own_directory(HOME / "backups") / f"purser-{made_at:%Y%m%d-%H%M%S}.tar"
    target = target.resolve()
    draft = target.with_name(f".{target.name}.part")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            dump = Path(scratch) / "database.dump"
            _dump(dump)
            with open(draft, "wb", opener=private) as file, tarfile.open(fileobj=file, mode="w") as archive:
                _add(archive, "manifest.json", _manifest(made_at))
                archive.add(dump, "database.dump")
                for secret in sorted((HOME / "secrets").glob("[!.]*")):
                    archive.add(secret, f"secrets/{secret.name}", filter=_anonymous)
        draft.replace(target)
    except OSError as error:
        raise BackupError(f"cannot write {target}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    return target


def _dump(file: Path) -> None:
    """One consistent picture of the database, taken without stopping anybody's work."""
    options = ["--format=custom", "--no-owner", "--no-privileges", "--schema=public", f"--file={file}"]
    done = subprocess.run(  # noqa: S603
        [tool("pg_dump"), *options], env=connection_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupError(f"pg_dump failed: {done.stderr.strip().splitlines()[-1]}")


def _manifest(made_at: datetime) -> bytes:
    migrations = sorted(f"{app}.{name}" for app, name in MigrationRecorder.Migration.objects.values_list("app", "name"))
    return json.dumps({"format": FORMAT, "made_at": made_at.isoformat(), "migrations": migrations}, indent=1).encode()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    archive.addfile(entry, io.BytesIO(content))


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
