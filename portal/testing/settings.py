"""The portal's settings for tests: as deployed, except for what only costs time."""

import portal.testing.environment  # noqa: F401 - before the settings read the environment
from portal.settings import *  # noqa: F403
from portal.settings import STORAGES

# Files are found where they lie; nothing has to be collected first.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
