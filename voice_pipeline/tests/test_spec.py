"""Orders that are wrong: each is told by the name of its field, and nothing else is touched."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voice_pipeline import spec
from voice_pipeline.contract import OPERATIONS, SpecError
from voice_pipeline.tests.conftest import order

LIGHT = {"kind": "light"}


@pytest.fixture
def faults(store: Path) -> Callable[..., str]:
    def told(**fields: Any) -> str:
        with pytest.raises(SpecError) as error:
            spec.parse(json.dumps(order(store, **fields)).encode())
        assert not (store / "work").exists()
        return str(error.value)

    return told


def good(store: Path) -> dict[str, dict[str, Any]]:
    """The least that each operation takes."""
    file, clips = str(store / "file"), [{"path": str(store / "clip.wav")}]
    return {
        "inspect": {"clips": clips},
        "condition": {"engine": LIGHT, "clips": clips},
        "verify": {"engine": LIGHT, "clips": clips, "conditioning_path": file},
        "sample": {"engine": LIGHT, "conditioning_path": file, "text": "Good morning."},
        "train": {"engine": LIGHT, "manifest_path": file},
        "export": {"engine": LIGHT, "run_dir": file, "out_dir": file},
        "rebuild": {"engine": LIGHT, "items": [{"voice": "ada", "clips": clips}]},
    }


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_least_order_is_taken_and_each_missing_field_is_named(
    store: Path, faults: Callable[..., str], operation: str
) -> None:
    fields = good(store)[operation]
    assert spec.parse(json.dumps(order(store, operation=operation, **fields)).encode()).operation == operation
    for name in fields:
        rest = {key: value for key, value in fields.items() if key != name}
        assert faults(operation=operation, **rest) == f"{name}: Field required"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_field_that_is_not_of_the_operation_is_named(store: Path, faults: Callable[..., str], operation: str) -> None:
    told = faults(operation=operation, **good(store)[operation], price=3)
    assert told == "price: Extra inputs are not permitted"


@pytest.mark.parametrize(
    ("change", "start"),
    [
        ({"contract": 2}, "contract: "),
        ({"contract": "1"}, "contract: "),
        ({"contract": None}, "contract: "),
        ({"job": ""}, "job: "),
        ({"job": "../job"}, "job: "),
        ({"job": 7}, "job: "),
        ({"workdir": "work"}, "workdir: work must be an absolute path"),
        ({"workdir": 5}, "workdir: "),
        ({"operation": "delete"}, "spec: "),
        ({"operation": None}, "spec: "),
        ({"clips": []}, "clips: "),
        ({"clips": [{"path": "/etc/passwd"}]}, "clips.0.path: /etc/passwd lies outside VOICE_ROOTS"),
        ({"clips": [{"path": "/etc/pass\0wd"}]}, "clips.0.path: "),
        ({"clips": [{"path": "/" + "a" * 5_000}]}, "clips.0.path: "),
        ({"clips": [{}]}, "clips.0.path: Field required"),
        ({"clips": ["clip.wav"]}, "clips.0: "),
        ({"tier": "gold"}, "tier: must be one of standard, premium, ultra"),
        ({"options": {"tier_rules": {}}}, "options.tier_rules: "),
        ({"options": {"tier_rules": {"gold": {"rate": 1}}}}, "options.tier_rules.gold.speech_seconds: Field required"),
        ({"options": {"lr": 1}}, "options.lr: Extra inputs are not permitted"),
        ({"options": []}, "options: "),
    ],
)
def test_a_wrong_value_is_named(store: Path, faults: Callable[..., str], change: dict[str, Any], start: str) -> None:
    fields = {"operation": "inspect", **good(store)["inspect"], **change}
    assert faults(**fields).startswith(start)


@pytest.mark.parametrize(
    ("operation", "options", "start"),
    [
        ("condition", {"gpt_cond_len": 6}, "options.gpt_cond_len: "),
        ("sample", {"speed": 9}, "options.speed: "),
        ("sample", {"speed": "1"}, "options.speed: "),
        ("train", {"epochs": 0}, "options.epochs: "),
        ("train", {"epochs": 1.5}, "options.epochs: "),
        ("train", {"lr": 0}, "options.lr: "),
        ("export", {"format": "onnx"}, "options.format: "),
        ("rebuild", {"epochs": 3}, "options.epochs: "),
    ],
)
def test_options_are_those_of_the_engine_and_operation(
    store: Path, faults: Callable[..., str], operation: str, options: dict[str, Any], start: str
) -> None:
    assert faults(operation=operation, **good(store)[operation], options=options).startswith(start)


def test_options_of_another_engine_are_known_without_it(store: Path) -> None:
    fields = good(store)["condition"] | {"engine": {"kind": "xtts"}, "options": {"gpt_cond_len": 12}}
    parsed = spec.parse(json.dumps(order(store, operation="condition", **fields)).encode())
    assert parsed.parsed_options().model_dump()["gpt_cond_len"] == 12


def test_items_of_a_rebuild(store: Path, faults: Callable[..., str]) -> None:
    clips = [{"path": str(store / "clip.wav")}]
    twice = [{"voice": "ada", "clips": clips}, {"voice": "bob", "clips": clips}, {"voice": "ada", "clips": clips}]
    assert faults(operation="rebuild", engine=LIGHT, items=twice) == "items: ada is there more than once"
    own = [{"voice": "ada", "clips": clips, "options": {"lr": 1}}]
    assert faults(operation="rebuild", engine=LIGHT, items=own).startswith("items.0.options.lr: ")
    climbing = [{"voice": "..", "clips": clips}]
    assert faults(operation="rebuild", engine=LIGHT, items=climbing).startswith("items.0.voice: ")


def test_links_and_dots_lead_nowhere_else(store: Path, tmp_path: Path, faults: Callable[..., str]) -> None:
    outside = tmp_path / "outside.wav"
    outside.touch()
    (store / "link.wav").symlink_to(outside)
    (store / "folder").symlink_to(tmp_path)
    (store / "ring").symlink_to(store / "ring")
    beside = store.with_name("store-of-others")
    beside.mkdir()
    for path in (
        store / "link.wav",
        store / "folder" / "outside.wav",
        store / ".." / "outside.wav",
        beside / "clip.wav",
        store / "ring" / "x" / ".." / ".." / ".." / "outside.wav",
    ):
        told = faults(operation="inspect", clips=[{"path": str(path)}])
        assert told.startswith("clips.0.path: "), path
    (store / "inner.wav").symlink_to(store / "real.wav")
    fields = order(store, operation="inspect", clips=[{"path": str(store / "inner.wav")}])
    parsed = spec.parse(json.dumps(fields).encode())
    assert isinstance(parsed, spec.Inspect)
    assert parsed.clips[0].path == store / "real.wav"  # what is opened is what was checked


@pytest.mark.parametrize("roots", ["", ":", "relative/folder"])
def test_without_roots_nothing_is_opened(
    store: Path, faults: Callable[..., str], monkeypatch: pytest.MonkeyPatch, roots: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("VOICE_ROOTS", roots)
        assert "VOICE_ROOTS" in faults(operation="inspect", clips=[{"path": str(store / "clip.wav")}])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b'{"contract": NaN}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_order_is_told_so(store: Path, content: bytes) -> None:
    with pytest.raises(SpecError):
        spec.parse(content)


def test_too_large_and_missing_specs(store: Path) -> None:
    large = store / "large.json"
    large.write_bytes(b" " * (spec.LARGEST_SPEC + 1))
    for path in (large, store / "none.json", store):
        with pytest.raises(SpecError, match="the spec"):
            spec.read(str(path))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)
NAMES = ["contract", "job", "operation", "workdir", "engine", "clips", "options", "conditioning_path", "manifest_path"]
NAMES += ["resume_dir", "run_dir", "out_dir", "items", "text", "language", "tier"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else_happens(store: Path, content: bytes) -> None:
    with pytest.raises(SpecError):
        spec.parse(content)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    operation=st.sampled_from(OPERATIONS),
    lies=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), JSON, min_size=1, max_size=4),
)
def test_lies_in_a_good_order_are_refused_or_harmless(store: Path, operation: str, lies: dict[str, Any]) -> None:
    fields = order(store, operation=operation, **good(store)[operation]) | lies
    with suppress(SpecError):
        parsed = spec.parse(json.dumps(fields).encode())
        assert parsed.contract == 1
        assert parsed.workdir.is_relative_to(store)
