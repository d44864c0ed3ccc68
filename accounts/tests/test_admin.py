import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from accounts import hooks
from accounts.models import ApiKey, Membership, User, Workspace
from accounts.roles import Role
from accounts.services.keys import api_key_create


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(
        User.objects.create_superuser("root@example.com", "correct horse 9"),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client


def test_the_admin_signs_in_through_the_site_so_the_second_step_counts(db: None, alice_client: Client) -> None:
    assert Client().get("/admin/", follow=True).redirect_chain[-1][0].startswith("/accounts/login/")
    assert alice_client.get("/admin/").status_code in (302, 403)


@pytest.mark.parametrize(
    "path",
    [
        "accounts/user",
        "accounts/workspace",
        "accounts/apikey",
        "accounts/invitation",
        "accounts/project",
        "account/emailaddress",
        "mfa/authenticator",
        "usersessions/usersession",
        "auth/group",
    ],
)
def test_every_list_opens_and_searches(operator: Client, workspace: Workspace, path: str) -> None:
    url = f"/admin/{path}/"
    assert operator.get(url).status_code == 200
    assert operator.get(url, {"q": "alice"}).status_code == 200


def test_an_added_user_is_vouched_for(operator: Client) -> None:
    form = {
        "email": "Dora@Example.com",
        "name": "Dora",
        "usable_password": "true",
        "password1": "correct horse 5",
        "password2": "correct horse 5",
    }
    assert operator.get("/admin/accounts/user/add/").status_code == 200
    assert operator.post("/admin/accounts/user/add/", form).status_code == 302
    user = User.objects.get(email="dora@example.com")
    assert EmailAddress.objects.get(user=user).verified
    assert user.check_password("correct horse 5")
    assert b"already" in operator.post("/admin/accounts/user/add/", form).content
    assert operator.get(f"/admin/accounts/user/{user.pk}/change/").status_code == 200
    assert operator.get(f"/admin/accounts/user/{user.pk}/password/").status_code == 200
    assert operator.post(f"/admin/accounts/user/{user.pk}/delete/", {"post": "yes"}).status_code == 403


def members_form(*rows: dict[str, object], initial: int = 0) -> dict[str, object]:
    form: dict[str, object] = {"memberships-TOTAL_FORMS": len(rows), "memberships-INITIAL_FORMS": initial}
    for n, fields in enumerate(rows):
        form |= {f"memberships-{n}-{name}": value for name, value in fields.items()}
    return form


def test_a_workspace_is_added_through_the_service(operator: Client, alice: User) -> None:
    told: list[Workspace] = []
    hooks.workspace_created.append(told.append)
    form = {"name": "Acme", "external_id": "", "time_zone": "UTC", "usage_write_allowed": "on"}
    try:
        assert operator.get("/admin/accounts/workspace/add/").status_code == 200
        response = operator.post(
            "/admin/accounts/workspace/add/", form | members_form({"user": alice.pk, "role": "owner"})
        )
    finally:
        hooks.workspace_created.remove(told.append)
    assert response.status_code == 302
    workspace = Workspace.objects.get()
    assert told == [workspace]
    assert workspace.usage_write_allowed
    assert workspace.external_id is None
    assert workspace.memberships.get().role == Role.OWNER


def test_the_operator_limits_the_requests_of_a_workspace(operator: Client, workspace: Workspace) -> None:
    url = f"/admin/accounts/workspace/{workspace.pk}/change/"
    told: list[dict[str, object]] = []
    listener = lambda **one: told.append(one)  # noqa: E731
    hooks.audited.append(listener)
    rows = [
        {"id": member.pk, "workspace": workspace.pk, "user": member.user_id, "role": member.role}
        for member in Membership.objects.order_by("pk")
    ]
    base = {"name": workspace.name, "external_id": "", "time_zone": "UTC"} | members_form(*rows, initial=2)
    try:
        for limit, status in ((600, 302), (0, 200), (10**8, 200)):
            assert operator.post(url, base | {"rate_limit": limit}).status_code == status
            workspace.refresh_from_db()
            assert workspace.rate_limit == 600
        assert operator.post(url, base | {"rate_limit": ""}).status_code == 302
    finally:
        hooks.audited.remove(listener)
    workspace.refresh_from_db()
    assert workspace.rate_limit is None
    assert [(one["action"], one["after"]["rate_limit"]) for one in told] == [  # type: ignore[index]
        ("workspace.terms_changed", 600),
        ("workspace.terms_changed", None),
    ]


def test_members_are_changed_through_the_services_and_an_owner_remains(
    operator: Client, workspace: Workspace, alice: User, bob: User, charlie: User
) -> None:
    url = f"/admin/accounts/workspace/{workspace.pk}/change/"
    assert operator.get(url).status_code == 200
    base = {"name": "Renamed", "external_id": "cus_9", "time_zone": "Europe/Berlin"}
    a, b = (Membership.objects.get(user=user).pk for user in (alice, bob))
    one = {"id": a, "workspace": workspace.pk, "user": alice.pk, "role": "viewer"}
    two = {"id": b, "workspace": workspace.pk, "user": bob.pk, "role": "viewer"}
    assert b"needs an owner" in operator.post(url, base | members_form(one, two, initial=2)).content
    three = {"user": charlie.pk, "role": "member", "workspace": workspace.pk}
    form = base | members_form({**one, "role": "admin"}, {**two, "role": "owner"}, three, initial=2)
    assert operator.post(url, form).status_code == 302
    roles = dict(workspace.memberships.values_list("user__email", "role"))
    assert roles == {"alice@example.com": "admin", "bob@example.com": "owner", "charlie@example.com": "member"}
    workspace.refresh_from_db()
    assert (workspace.name, workspace.external_id, workspace.time_zone) == ("Renamed", "cus_9", "Europe/Berlin")
    form = base | members_form({**one, "DELETE": "on"}, {**two, "role": "owner"}, initial=2)
    assert operator.post(url, form).status_code == 302
    assert not workspace.memberships.filter(user=alice).exists()


def test_keys_are_for_looking_and_revoking(operator: Client, workspace: Workspace) -> None:
    key, _ = api_key_create(kind="workspace", workspace=workspace, name="k", scopes=["usage:read"])
    html = operator.get(f"/admin/accounts/apikey/{key.pk}/change/").content.decode()
    assert key.digest not in html
    assert operator.get("/admin/accounts/apikey/add/").status_code == 403
    response = operator.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [key.pk]}, follow=True)
    assert b"1 keys revoked" in response.content
    assert ApiKey.objects.get().revoked_at is not None


def test_stored_second_factors_are_not_shown(operator: Client, alice: User) -> None:
    from allauth.mfa.totp.internal.auth import TOTP

    totp = TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    html = operator.get(f"/admin/mfa/authenticator/{totp.instance.pk}/change/").content.decode()
    assert totp.instance.data["secret"] not in html
