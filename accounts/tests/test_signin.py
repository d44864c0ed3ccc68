"""The ways in: sign-up, password, code, second step, and the pages around them."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts import hooks
from accounts.models import User, Workspace
from accounts.tests.mail import code_in, last_mail, link_in, mails

NEW = {"email": "dora@example.com", "password1": "correct horse 4", "name": "  Dora   Dean "}


@pytest.fixture(autouse=True)
def fresh_rate_limits(db: None) -> None:
    cache.clear()


def test_signing_up_needs_the_code_and_tells_that_the_person_is_proven(db: None) -> None:
    heard: list[User] = []
    hooks.person_verified.append(heard.append)
    client = Client()
    try:
        assert client.post("/accounts/signup/", NEW)["Location"] == reverse("account_email_verification_sent")
        user = User.objects.get(email="dora@example.com")
        assert user.name == "Dora Dean"
        assert (heard, client.get("/").status_code) == ([], 302)
        assert last_mail().subject == f"{code_in(last_mail())} confirms your address for Purser"
        assert "http://localhost:8000" in str(last_mail().body)
        wrong = client.post("/accounts/confirm-email/", {"code": "WRONG1"})
        assert b"Incorrect code" in wrong.content
        response = client.post("/accounts/confirm-email/", {"code": code_in(last_mail())})
    finally:
        hooks.person_verified.remove(heard.append)
    assert response["Location"] == "/"
    assert heard == [user]
    assert client.get("/")["Location"] == "/workspaces/new"
    assert 'value="Dora’s workspace"' in client.get("/workspaces/new").content.decode()


def test_signing_up_with_a_known_address_looks_the_same_and_tells_its_owner(alice: User) -> None:
    response = Client().post("/accounts/signup/", {**NEW, "email": "alice@example.com"})
    assert response["Location"] == reverse("account_email_verification_sent")
    assert last_mail().subject == "You already have an account on Purser"
    assert User.objects.count() == 1


def test_a_password_signs_in_whatever_the_case_of_the_address(alice: User, workspace: Workspace) -> None:
    client = Client()
    wrong = client.post("/accounts/login/", {"login": "alice@example.com", "password": "wrong"})
    assert b"not correct" in wrong.content
    response = client.post("/accounts/login/", {"login": "Alice@Example.com", "password": "correct horse 1"})
    assert response["Location"] == "/"
    assert client.get("/")["Location"] == f"/w/{workspace.public_id}/"


def test_guessing_a_password_is_stopped(alice: User) -> None:
    client = Client()
    for _ in range(5):
        client.post("/accounts/login/", {"login": "alice@example.com", "password": "wrong"})
    response = client.post("/accounts/login/", {"login": "alice@example.com", "password": "correct horse 1"})
    assert b"Too many failed login attempts" in response.content


def test_too_many_requests_get_our_page(db: None) -> None:
    client = Client()
    for _ in range(21):
        response = client.post("/accounts/signup/", {"email": "x"})
    assert response.status_code == 429
    assert b"Too many attempts" in response.content


def test_a_code_signs_in(alice: User) -> None:
    client = Client()
    assert client.post("/accounts/login/code/", {"email": "alice@example.com"}).status_code == 302
    assert b"Enter your sign-in code" in client.get("/accounts/login/code/confirm/").content
    assert client.post("/accounts/login/code/confirm/", {"code": code_in(last_mail())})["Location"] == "/"
    assert client.get("/workspaces").status_code == 200


def test_a_code_for_an_unknown_address_looks_the_same(db: None) -> None:
    assert Client().post("/accounts/login/code/", {"email": "nobody@example.com"}).status_code == 302
    assert last_mail().subject == "There is no account with this address on Purser"


def test_a_password_is_reset_by_a_link_that_works_once(alice: User) -> None:
    client = Client(headers={"host": "127.0.0.1"})
    client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    link = link_in(last_mail())
    assert link.startswith("http://localhost:8000/accounts/password/reset/key/")  # SITE_URL, not the host asked for
    form = client.get(link, follow=True)
    assert b"Choose a new password" in form.content
    path = form.redirect_chain[-1][0]
    client.post(path, {"password1": "another horse 1", "password2": "another horse 1"})
    alice.refresh_from_db()
    assert alice.check_password("another horse 1")
    assert b"no longer works" in Client().get(link, follow=True).content
    assert "localhost:8000/accounts/password/reset/" in str(last_mail().body)  # the warning that it was changed


def totp_code(secret: str) -> str:
    """That of this half minute: with the one before, which is taken, too, a test could come too late."""
    _, present, _ = yield_hotp_counters_from_time()
    return format_hotp_value(hotp_value(secret, present))


@pytest.fixture
def secret(alice: User) -> str:
    secret = generate_totp_secret()
    TOTP.activate(alice, secret)
    return secret


def test_second_factors_are_stored_encrypted(alice: User, secret: str) -> None:
    RecoveryCodes.activate(alice)
    stored = {a.type: a.data for a in Authenticator.objects.all()}
    assert stored["totp"]["secret"] != secret
    assert stored["totp"]["secret"].startswith("gAAAA")
    assert stored["recovery_codes"]["seed"].startswith("gAAAA")


def test_encrypted_factors_survive_a_change_of_the_secret_key(
    alice: User, secret: str, settings: pytest.FixtureRequest
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]  # type: ignore[attr-defined]
    settings.SECRET_KEY = "another"  # type: ignore[attr-defined]
    authenticator = Authenticator.objects.get(user=alice, type="totp")
    assert authenticator.wrap().validate_code(totp_code(secret))


def test_with_an_authenticator_app_the_password_alone_is_not_enough(alice: User, secret: str) -> None:
    client = Client()
    response = client.post("/accounts/login/", {"login": "alice@example.com", "password": "correct horse 1"})
    assert response["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/workspaces")["Location"].startswith("/accounts/login/")
    assert b"Two-step sign-in" in client.get("/accounts/2fa/authenticate/").content
    assert b"Incorrect code" in client.post("/accounts/2fa/authenticate/", {"code": "000000"}).content
    assert client.post("/accounts/2fa/authenticate/", {"code": totp_code(secret)})["Location"] == "/"
    assert client.get("/workspaces").status_code == 200


def test_a_recovery_code_works_once(alice: User, secret: str) -> None:
    code = RecoveryCodes.activate(alice).get_unused_codes()[0]
    for expected in (302, 200):
        client = Client()
        client.post("/accounts/login/", {"login": "alice@example.com", "password": "correct horse 1"})
        assert client.post("/accounts/2fa/authenticate/", {"code": code}).status_code == expected


def test_setting_up_an_app_from_the_pages(
    alice: User, alice_client: Client, django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]]
) -> None:
    url = "/accounts/2fa/totp/activate/"
    assert alice_client.get(url)["Location"].startswith("/accounts/reauthenticate/")
    alice_client.post("/accounts/reauthenticate/", {"password": "correct horse 1"})
    html = alice_client.get(url).content.decode()
    secret = re.search(r'id="authenticator_secret" value="(\w+)"', html)
    assert secret
    assert 'src="data:image/svg+xml' in html
    with django_capture_on_commit_callbacks(execute=True):
        response = alice_client.post(url, {"code": totp_code(secret[1])})
    assert response["Location"] == "/accounts/2fa/recovery-codes/"
    assert "If this was not you" in str(last_mail().body)
    codes = re.search(r'id="recovery-codes">([\d\s]+)</pre>', alice_client.get(response["Location"]).content.decode())
    assert codes
    assert len(codes[1].split()) == 10
    assert b"10 of 10 left" in alice_client.get("/accounts/2fa/").content


def test_another_session_can_be_ended_and_only_ones_own(alice: User, alice_client: Client, bob_client: Client) -> None:
    phone = Client(headers={"user-agent": "Mozilla/5.0 (iPhone) Version/19.1 Safari/605"})
    phone.post("/accounts/login/", {"login": "alice@example.com", "password": "correct horse 1"})
    phone.get("/workspaces")
    alice_client.get("/workspaces")
    html = alice_client.get("/accounts/sessions/").content.decode()
    assert "Safari 19 on iPhone" in html
    end = re.search(r"/sessions/\d+/end", html)
    assert end
    assert bob_client.post(end[0]).status_code == 404
    assert alice_client.get(end[0]).status_code == 405
    assert Client().post(end[0]).status_code == 302
    alice_client.post(end[0])
    assert phone.get("/workspaces").status_code == 302
    assert alice_client.get("/workspaces").status_code == 200


def test_an_address_is_added_proven_and_made_primary(alice: User, alice_client: Client) -> None:
    alice_client.post("/accounts/reauthenticate/", {"password": "correct horse 1"})
    alice_client.post("/accounts/email/", {"action_add": "", "email": "a@work.example"})
    code = next(code_in(m) for m in reversed(mails()) if m.to == ["a@work.example"])
    alice_client.post("/accounts/confirm-email/", {"code": code})
    assert EmailAddress.objects.get(email="a@work.example").verified
    alice_client.post("/accounts/email/", {"action_primary": "", "email": "a@work.example"})
    alice.refresh_from_db()
    assert alice.email == "a@work.example"


@pytest.mark.parametrize(
    "name",
    [
        "account_login",
        "account_signup",
        "account_reset_password",
        "account_reset_password_done",
        "account_request_login_code",
        "account_inactive",
    ],
)
def test_every_page_before_sign_in_has_our_frame(db: None, name: str) -> None:
    html = Client().get(reverse(name)).content.decode()
    assert 'class="card gate__card"' in html
    assert "style=" not in html
    assert "onclick" not in html


@pytest.mark.parametrize(
    "name",
    [
        "accounts:profile",
        "account_email",
        "account_change_password",
        "mfa_index",
        "usersessions_list",
        "mfa_list_webauthn",
        "mfa_add_webauthn",
        "mfa_activate_totp",
    ],
)
def test_every_account_page_has_the_site_frame_and_tabs(alice: User, alice_client: Client, name: str) -> None:
    alice_client.post("/accounts/reauthenticate/", {"password": "correct horse 1"})
    html = alice_client.get(reverse(name)).content.decode()
    assert 'class="shell"' in html
    assert 'aria-label="Account"' in html
    assert "style=" not in html


def test_logging_out_asks_first(alice_client: Client) -> None:
    assert b"Sign out?" in alice_client.get("/accounts/logout/").content
    alice_client.post("/accounts/logout/")
    assert alice_client.get("/workspaces").status_code == 302


def test_superusers_made_by_command_can_sign_in_at_once(db: None) -> None:
    User.objects.create_superuser("Root@Example.com", "correct horse 9")
    client = Client()
    response = client.post("/accounts/login/", {"login": "root@example.com", "password": "correct horse 9"})
    assert response["Location"] == "/"
    assert client.get("/admin/").status_code == 200
