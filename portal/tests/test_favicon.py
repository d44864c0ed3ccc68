from django.contrib.staticfiles import finders
from django.test import Client


def test_browsers_find_the_icon_where_they_look_for_it() -> None:
    answer = Client().get("/favicon.ico")
    assert answer.status_code == 302
    assert "max-age" in answer["Cache-Control"]
    assert "Cookie" not in answer.get("Vary", "")
    path = answer["Location"].removeprefix("/static/")
    assert path.endswith(".svg")
    assert finders.find(path)
