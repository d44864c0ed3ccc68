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
    if is_collected():
        return False
    mark = _mark()
    mark.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0, clear=mark.parent.exists())
    mark.write_text(_sources_digest())
    return True


def is_collected() -> bool:
    """Whether what is served is what the sources say."""
    mark = _mark()
    return mark.exists() and mark.read_text() == _sources_digest()


def _mark() -> Path:
    return Path(settings.STATIC_ROOT) / ".sources"


def _sources_digest() -> str:
    digest = hashlib.sha256(" ".join(f"{name}={version(name)}" for name in WRITERS).encode())
    digest.update(str(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: str(found[0])):
            stat = Path(storage.path(name)).stat()
            digest.update(f"{storage.location}/{name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
