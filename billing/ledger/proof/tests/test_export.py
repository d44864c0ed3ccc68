"""The file is what docs/proof.md says, whatever happened and whatever happens meanwhile."""

from collections.abc import Callable
from pathlib import Path

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger import hooks
from billing.ledger.models import Lot, Transfer, Wallet
from billing.ledger.proof.export import export
from billing.ledger.proof.tests.checking import lines_of, refusal, run
from billing.ledger.proof.tests.story import DAY, EVERY_KIND, NOON, Story
from billing.ledger.selectors import balance
from billing.ledger.tests.helpers import assert_clean

pytestmark = pytest.mark.django_db


def proof_of(workspace: Workspace) -> bytes:
    return b"".join(export(workspace))


def test_whatever_can_happen_is_in_the_proof_and_adds_up(
    story: Story, proof: bytes, saved: Callable[[bytes], Path]
) -> None:
    assert story.kinds == set(EVERY_KIND)
    assert_clean(story.ws)
    status, said = run(saved(proof))
    assert status == 0, said


def test_the_lines_are_those_that_are_described(story: Story, proof: bytes, workspace: Workspace) -> None:
    assert proof.isascii()
    first, *rest, closing, seal = lines_of(proof)
    assert list(first) == ["format", "version", "workspace", "unit", "exported_at"]
    assert first["workspace"] == {"number": workspace.pk, "id": workspace.public_id, "name": "Northwind AI"}
    assert first["unit"] == {"name": "credit", "plural": "credits", "nano": 10**9}
    entries = [line for line in rest if "transfer" in line]
    known = Transfer.objects.filter(workspace=workspace).order_by("seq").values_list("seq", "digest")
    assert [(line["transfer"][2], line["digest"]) for line in entries] == [(seq, d.hex()) for seq, d in known]
    lots = Lot.objects.filter(workspace=workspace).order_by("pk").values_list("pk", "remaining", "held")
    assert rest[len(entries) :] == [{"lot": list(lot)} for lot in lots]
    wallet = Wallet.objects.get(pk=workspace.pk)
    amounts = {name: getattr(wallet, name) for name in ("available", "held", "debt", "overdraft_held")}
    assert closing == {"closing": {"seq": wallet.seq, "head": bytes(wallet.digest).hex(), **amounts}}
    assert list(seal) == ["sha256"]


def test_a_charge_has_its_events_in_order(story: Story, proof: bytes) -> None:
    batch = next(line for line in lines_of(proof) if len(line.get("items", ())) == 4)
    assert [event_id for event_id, _ in batch["items"]] == ["req 1", "req-ü-2", "req\n3", "🌊"]
    assert sum(nano for _, nano in batch["items"]) == batch["transfer"][7]


def test_both_parts_of_a_charge_beyond_the_balance_have_all_its_events(story: Story, proof: bytes) -> None:
    parts = [line for line in lines_of(proof) if len(line.get("items", ())) == 30]
    assert [line["transfer"][4] for line in parts] == ["usage.spend", "usage.debt"]
    assert sum(nano for _, nano in parts[0]["items"]) == sum(line["transfer"][7] for line in parts)


def test_how_the_database_is_read_changes_nothing(
    story: Story, proof: bytes, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock.at(story.now):
        monkeypatch.setattr("billing.ledger.proof.rows.CHUNK", 3)
        monkeypatch.setattr("billing.ledger.proof.items.MOST", 2)  # the batches have more: they are asked for alone
        monkeypatch.setattr("billing.ledger.proof.export.BLOCK", 100)
        assert proof_of(workspace) == proof
        monkeypatch.setattr("billing.metering.proof.CLOSE", 0)
        monkeypatch.setattr("billing.metering.proof.AT_ONCE", 2)
        assert proof_of(workspace) == proof


def test_what_comes_later_is_not_in_it(story: Story, workspace: Workspace) -> None:
    before = Wallet.objects.get(pk=workspace.pk).seq
    with clock.at(story.now):
        blocks = export(workspace)
    story.use("later 1", "later 2")
    story.adjust(-0.5)
    content = b"".join(blocks)
    assert refusal(content) == ""
    assert lines_of(content)[-2]["closing"]["seq"] == before
    assert b"later 1" not in content


def test_its_balance_is_that_of_the_pages_at_its_instant(workspace: Workspace) -> None:
    story = Story(workspace)
    story.grant(7, expires_at=NOON + DAY)
    story.grant(3)
    with clock.at(NOON + DAY):
        shown = balance(workspace.pk)
        content = proof_of(workspace)
    assert refusal(content) == ""
    assert lines_of(content)[-2]["closing"]["available"] == shown.available == 3 * 10**9


def test_a_workspace_without_a_ledger_has_a_proof_of_nothing(
    workspace: Workspace, saved: Callable[[bytes], Path]
) -> None:
    content = proof_of(workspace)
    assert [list(line) for line in lines_of(content)][1:] == [["closing"], ["sha256"]]
    status, said = run(saved(content))
    assert status == 0
    assert "0 entries up to now, 0 lots" in said


def test_others_are_not_in_it(story: Story, proof: bytes, workspace: Workspace) -> None:
    other = Workspace.objects.create(name="Other")
    mine = Story(other)
    mine.grant(5)
    mine.use("theirs")
    with clock.at(story.now):
        assert proof_of(workspace) == proof
        theirs = proof_of(other)
    assert refusal(theirs) == ""
    assert len([line for line in lines_of(theirs) if "transfer" in line]) == 2


def test_a_charge_whose_events_are_gone_is_not_believed(
    story: Story, proof: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "item_sources", [])
    with clock.at(story.now):
        content = proof_of(Workspace.objects.get(pk=story.ws))
    assert refusal(content) == "its events are not the ones that the chain vouches for"
