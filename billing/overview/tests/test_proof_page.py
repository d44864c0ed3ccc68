from pathlib import Path

from django.test import Client

from accounts.models import Workspace
from billing.ledger.models import Wallet
from billing.ledger.proof.tests.checking import SCRIPT, lines_of, refusal, run


def download(client: Client, workspace: Workspace, name: str) -> tuple[bytes, str, str]:
    response = client.get(f"/w/{workspace.public_id}/credits/{name}")
    assert response.status_code == 200
    return response.getvalue(), response["Content-Type"], response["Content-Disposition"]


def page(client: Client, workspace: Workspace) -> str:
    response = client.get(f"/w/{workspace.public_id}/credits/proof")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_what_is_downloaded_proves_what_the_page_shows(
    bob_client: Client, northwind: Workspace, tmp_path: Path
) -> None:
    """Bob may only look, and he may check what he sees."""
    text = page(bob_client, northwind)
    for name in ("proof.jsonl", "verify_balance.py"):
        body, _, disposition = download(bob_client, northwind, name)
        assert disposition == f'attachment; filename="{name}"'
        (tmp_path / name).write_bytes(body)
    assert (tmp_path / "verify_balance.py").read_bytes() == SCRIPT.read_bytes()
    wallet = Wallet.objects.get(pk=northwind.pk)
    head = f"{wallet.seq}:{bytes(wallet.digest).hex()}"
    assert f"python3 verify_balance.py proof.jsonl --head {head}" in text
    status, said = run(tmp_path / "proof.jsonl", "--head", head)
    assert status == 0, said
    assert f"head {head}" in said


def test_the_file_is_json_lines_of_this_workspace(alice_client: Client, northwind: Workspace) -> None:
    body, kind, _ = download(alice_client, northwind, "proof.jsonl")
    assert kind == "application/jsonl"
    assert refusal(body) == ""
    assert lines_of(body)[0]["workspace"]["id"] == northwind.public_id


def test_the_heads_of_receipts_and_entries_are_in_the_proof(alice_client: Client, northwind: Workspace) -> None:
    body, _, _ = download(alice_client, northwind, "proof.jsonl")
    charge = next(line for line in lines_of(body) if "items" in line)
    shown = alice_client.get(f"/w/{northwind.public_id}/activity/{charge['transfer'][2]}").content.decode()
    assert charge["digest"] in shown
    assert refusal(body, charge["digest"]) == ""


def test_the_credits_page_leads_there(alice_client: Client, northwind: Workspace) -> None:
    shown = alice_client.get(f"/w/{northwind.public_id}/credits").content.decode()
    assert f'href="/w/{northwind.public_id}/credits/proof"' in shown


def test_a_workspace_without_entries_is_told_so(alice_client: Client, fresh: Workspace) -> None:
    text = page(alice_client, fresh)
    assert "none yet" in text
    assert "--head NUMBER:DIGEST" in text
