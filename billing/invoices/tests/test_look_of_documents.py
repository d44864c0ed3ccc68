"""The operator's logo and colour on paper: of the day on which the document was issued."""

import pytest

pytestmark = pytest.mark.django_db
