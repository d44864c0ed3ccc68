"""The four questions every page is asked: does it refuse other methods, strangers, the unknown and lesser roles?"""

from django.test import Client

from accounts.models import Workspace


def refuses_other_methods(client: Client, url: str, *allowed: str) -> None:
    for method in {"get", "post", "put", "patch", "delete"} - set(allowed):
        assert getattr(client, method)(url).status_code == 405, method


def hides_from_strangers(stranger: Client, url: str, method: str = "get") -> None:
    assert getattr(stranger, method)(url).status_code == 404


def asks_to_sign_in(url: str, method: str = "get") -> None:
    response = getattr(Client(), method)(url)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")


def refuses_role(client: Client, url: str, method: str = "get") -> None:
    response = getattr(client, method)(url)
    assert response.status_code == 403
    assert b"Your role does not allow this" in response.content


def page(workspace: Workspace, path: str) -> str:
    return f"/w/{workspace.public_id}/{path}"
