"""The portal's settings for tests: as deployed, except for what only costs time."""

import portal.testing.environment  # noqa: F401 - before the settings read the environment
from portal.settings import *  # noqa: F403
from portal.settings import STORAGES

# Files are found where they lie; nothing has to be collected first.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
# Payments are simulated in tests, whatever the database is; the fixture says where.
SIMULATED_PAYMENTS = True
STRIPE_SECRET_KEY = STRIPE_TEST_SECRET_KEY = "sk_test_" + "t" * 24
STRIPE_API_HOST = "http://127.0.0.1:9"
STANDIN_TOKEN = "token-of-the-tests"
# And USDC is taken only where a fixture says so.
X402_SIMULATED = True
X402_PAY_TO = X402_FACILITATOR_URL = ""
X402_NETWORKS = {}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
