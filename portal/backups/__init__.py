"""Backup and restore, the same for the embedded PostgreSQL and for DATABASE_URL."""

from portal.backups.errors import BackupError
from portal.backups.restore import backup_restore
from portal.backups.write import backup_write

__all__ = ["BackupError", "backup_restore", "backup_write"]
