"""Use the API, in a browser: an estimate is tried, an example is copied, and both work without a script."""

from accounts.models import Workspace
from accounts.scopes import KeyKind
from accounts.services.keys import api_key_create
from billing.overview.tests.browser.conftest import Visiting


def test_an_example_is_copied(four_states: dict[str, Workspace], visit: Visiting) -> None:
    tab = visit(permissions=["clipboard-read", "clipboard-write"])
    page = tab.open(f"/w/{four_states['healthy'].public_id}/api")
    page.get_by_role("button", name="Copy: What would it cost?").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#code-estimate").inner_text()
    assert copied.startswith("curl http://localhost:8000/api/v1/usage/estimate")


def test_an_estimate_is_tried(four_states: dict[str, Workspace], visit: Visiting) -> None:
    workspace = four_states["healthy"]
    api_key_create(kind=KeyKind.WORKSPACE, workspace=workspace, name="production", scopes=["usage:read"], rate_limit=60)
    for theme in ("light", "dark"):
        tab = visit(width=390, theme=theme)
        page = tab.open(f"/w/{workspace.public_id}/api?model=openai/gpt-4o-mini")
        page.get_by_label("Input tokens").fill("900")
        page.get_by_role("button", name="Estimate").click()
        page.wait_for_url("**#try")
        assert "0.063 credits" in page.locator("#try").inner_text()
        assert '"estimated_credits": 0.063' in page.locator("#try pre").inner_text()
        assert (tab.width(), tab.violations()) == (390, [])


def test_everything_works_without_a_script(four_states: dict[str, Workspace], visit: Visiting) -> None:
    tab = visit(java_script_enabled=False)
    page = tab.open(f"/w/{four_states['healthy'].public_id}/api")
    assert page.get_by_role("button", name="Copy").count() == 0
    page.get_by_role("link", name="Python", exact=True).click()
    assert "from purser import Purser" in page.locator("#code-estimate").inner_text()
    page.get_by_label("Model", exact=True).fill("openai/gpt-4o-mini")
    page.get_by_role("button", name="Choose").click()
    assert 'model = "openai/gpt-4o-mini"' in page.locator("#code-estimate").inner_text()
    page.get_by_label("Output tokens").fill("0")
    page.get_by_role("button", name="Estimate").click()
    assert "0.036 credits" in page.locator("#try").inner_text()
    page.get_by_text("The whole answer").first.click()
    assert page.locator("#examples .answer pre").is_visible()


def test_what_is_wrong_is_said_at_its_field(four_states: dict[str, Workspace], visit: Visiting) -> None:
    tab = visit()
    page = tab.open(f"/w/{four_states['healthy'].public_id}/api?model=openai/gpt-4o-mini")
    page.evaluate("document.querySelector('.guide__try').noValidate = true")
    page.get_by_label("Input tokens").fill("-1")
    page.get_by_role("button", name="Estimate").click()
    page.wait_for_url("**#try")
    assert "greater than or equal to 0" in page.locator("#try").inner_text()
    assert tab.violations() == []
    assert tab.problems.pop().startswith("Failed to load resource: the server responded with a status of 422")


def test_a_workspace_without_keys_is_clean(four_states: dict[str, Workspace], visit: Visiting) -> None:
    assert visit().wrong_at(f"/w/{four_states['new'].public_id}/api", "No keys yet") == []
