"""The tests' database, for processes that a test starts beside itself."""

from urllib.parse import quote

from django.db import connection


def url_of_tests() -> str:
    """The DATABASE_URL of what this test is connected to; not before the test has asked for a database."""
    told = connection.settings_dict
    place = f"{quote(str(told['USER']), safe='')}:{quote(str(told['PASSWORD'] or ''), safe='')}"
    host = f"{quote(str(told['HOST']), safe='')}:{told['PORT'] or 5432}"
    return f"postgresql://{place}@{host}/{told['NAME']}"
