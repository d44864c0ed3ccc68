"""The embedded server: shared by its users, gone after the last, told apart from other homes."""

import pytest
from django.db import connection


def test_x(db: None) -> None:
    with connection.cursor() as c:
        c.execute("select version()")
        print(c.fetchone())
