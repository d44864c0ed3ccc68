"""Loaded before Django's settings (pytest -p): which database the tests use."""

import os
import shutil
import tempfile
from pathlib import Path

# Without DATABASE_URL the tests run on the embedded PostgreSQL, in a home of their own.
if not os.environ.get("DATABASE_URL"):
    os.environ.setdefault("PURSER_HOME", str(Path(__file__).parent.parent.parent / "var" / "test"))
else:
    os.environ.setdefault("PURSER_HOME", tempfile.mkdtemp(prefix="purser-test-"))
# A setting of the shell must not leak into what the tests expect.
for name in ("EMAIL_URL", "SITE_URL", "PURSER_DEMO", "DEBUG"):
    os.environ.pop(name, None)
os.environ.setdefault("CHROMIUM", shutil.which("chromium") or shutil.which("chromium-browser") or "")
