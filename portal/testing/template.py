"""The test database is copied from one that is migrated already.

Only on the embedded server, which is the tests' own: nothing is left behind on anybody else's.
"""

import pytest
from django.conf import settings
from django.db import connections

from portal.home import home
from portal.testing.environment import EMBEDDED
from portal.testing.ready import MIGRATED, is_ready


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    if EMBEDDED and is_ready(home()):
        settings.DATABASES["default"]["TEST"]["TEMPLATE"] = MIGRATED
        connections["default"].settings_dict["TEST"]["TEMPLATE"] = MIGRATED
