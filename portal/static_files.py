"""Collects the static files into the home, compressed and with hashed names, when they changed."""

import hashlib
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

# A new release of these changes what is written although no source file changed.
WRITERS = ("Django", "whitenoise", "brotli")


def collect_if_changed() -> bool:
    """Run collectstatic unless nothing changed since its last run; whether it ran."""
    root = Path(settings.STATIC_ROOT)
    mark = root / ".sources"
    digest = _sources_digest()
    if mark.exists() and mark.read_text() == digest:
        return False
    mark.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0, clear=root.exists())
    mark.write_text(digest)
    return True


def _sources_digest() -> str:
    digest = hashlib.sha256(" ".join(f"{name}={version(name)}" for name in WRITERS).encode())
    digest.update(str(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: str(found[0])):
            stat = Path(storage.path(name)).stat()
            digest.update(f"{storage.location}/{name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
