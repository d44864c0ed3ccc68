"""Settings, one module per concern; read the environment variables in docs/operations.md."""

from portal.settings.accounts import *
from portal.settings.admin import *
from portal.settings.base import *
from portal.settings.crypto import *
from portal.settings.payments import *
from portal.settings.security import *
from portal.settings.services import *
from portal.settings.voices import *
