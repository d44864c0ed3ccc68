"""The child process: believed only where it keeps to the contract, bounded in every way, and never left behind."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from billing.voices.runner import Event, Limits, Outcome, child, follow
from billing.voices.runner.environment import child_environment
from billing.voices.runner.logs import tail

Run = Callable[..., Outcome]
LINE = """
import json, os, sys, time, signal
spec = json.load(sys.stdin)
number = 0
def say(type, **data):
    global number
    number += 1
    print(json.dumps({"v": 1, "job": spec["job"], "seq": number, "at": time.time(), "type": type, **data}), flush=True)
"""


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def run(tmp_path: Path, heard: list[Event]) -> Run:
    """Run a few lines of Python as the pipeline."""

    def start(code: str, *, stop: Callable[[], str] = lambda: "", **limits: float) -> Outcome:
        program = tmp_path / "program.py"
        program.write_text(LINE + textwrap.dedent(code))
        return follow(
            [sys.executable, str(program)],
            {"job": "vjob_1", "operation": "inspect"},
            spec_file=tmp_path / "spec.json",
            log=tmp_path / "log.txt",
            environment=child_environment(os.environ, tmp_path),
            directory=tmp_path,
            on_event=heard.append,
            stop_wish=stop,
            limits=Limits(**{"stall": 20, "total": 20, "grace": 1, **limits}),
        )

    return start


def after(seconds: float, why: str = "it was cancelled") -> Callable[[], str]:
    until = time.monotonic() + seconds
    return lambda: why if time.monotonic() > until else ""


def gone(pid: int) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_done_is_an_exit_code_and_a_word(run: Run, heard: list[Event]) -> None:
    outcome = run("""
        say("started", operation=spec["operation"])
        say("progress", stage="inspect", done=1, total=2)
        say("result", status="done", result={"clips": []})
    """)
    assert (outcome.status, outcome.exit_code, outcome.why, outcome.bad_lines) == ("done", 0, "", 0)
    assert outcome.result["result"] == {"clips": []}
    assert [event.type for event in heard] == ["started", "progress", "result"]
    assert heard[0].data == {"operation": "inspect"}


@pytest.mark.parametrize(
    "code",
    [
        "pass",
        'say("started", operation="inspect")',
        'say("result", status="failed", message="no")',
        'say("result", status="done"); os._exit(9)',
        'say("result", status="done"); os.kill(os.getpid(), signal.SIGKILL)',
        "raise RuntimeError('broken')",
        'say("result", status="done"); sys.exit(5)',
    ],
)
def test_anything_else_is_a_crash(run: Run, code: str) -> None:
    assert run(code).status == "crashed"


@pytest.mark.parametrize(
    ("code", "status"), [(2, "spec"), (3, "engine_unavailable"), (4, "failed"), (5, "refused"), (6, "busy")]
)
def test_the_exit_codes_of_the_contract(run: Run, code: int, status: str) -> None:
    outcome = run(f'say("result", status="{status}", error="x", message="Too short"); sys.exit({code})')
    assert (outcome.status, outcome.exit_code, outcome.result["message"]) == (status, code, "Too short")


def test_lines_that_are_none_are_counted_and_not_believed(run: Run, heard: list[Event]) -> None:
    outcome = run("""
        print("Loading model ...")
        print('{"v": 1, "job": "another", "seq": 1, "at": 1, "type": "result", "status": "done"}')
        print('{"v": 2, "job": "vjob_1", "seq": 1, "at": 1, "type": "log"}')
        print('{"v": 1, "job": "vjob_1", "seq": true, "at": 1, "type": "log"}')
        print('{"v": 1, "job": "vjob_1", "seq": 1, "at": NaN, "type": "log"}')
        print('{"v": 1, "job": "vjob_1", "seq": 1, "at": 1, "type": "surprise"}')
        print('{"v": 1, "job": "vjob_1", "seq": 1, "seq": 2, "at": 1, "type": "log"}')
        print('{"v": 1, "job": "vjob_1", "seq": 1, "at": 1, "type": "log", "message": "a\\\\u0000b"}')
        print("[1]")
        print("[" * 100_000)
        sys.stdout.flush()
        os.write(1, b"\\xff\\xfe\\n")
        say("log", message="one")
        number = 0
        say("log", message="its number again")
        number = 1
        say("result", status="done", result={})
    """)
    assert outcome.status == "done"
    assert outcome.bad_lines == 12
    assert [event.seq for event in heard] == [1, 2]


def test_a_line_without_an_end_fills_no_memory(run: Run, heard: list[Event]) -> None:
    outcome = run("""
        for _ in range(40):
            os.write(1, b"x" * 100_000)
        os.write(1, b"\\n")
        say("result", status="done", result={})
    """)
    assert (outcome.status, outcome.bad_lines, len(heard)) == ("done", 1, 1)


def test_a_child_that_says_nothing_is_stopped(run: Run) -> None:
    began = time.monotonic()
    outcome = run('say("started"); time.sleep(60)', stall=0.6)
    assert time.monotonic() - began < 6
    assert outcome.status == "crashed"
    assert "nothing was heard of it" in outcome.why
    assert outcome.exit_code == -signal.SIGTERM


def test_garbage_does_not_count_as_being_heard_of(run: Run) -> None:
    assert "nothing was heard" in run('\nwhile True: print("busy", flush=True); time.sleep(0.05)', stall=0.6).why


def test_a_child_that_takes_too_long_is_stopped(run: Run) -> None:
    outcome = run('\nwhile True: say("log", message="on"); time.sleep(0.1)', total=0.8)
    assert "longer than" in outcome.why


def test_a_log_that_fills_the_disk_ends_it(run: Run) -> None:
    code = '\nwhile True: sys.stderr.write("x" * 100_000); say("log"); time.sleep(0.01)'
    assert "of log" in run(code, log_bytes=1_000_000).why


def test_a_cancel_is_asked_for_politely(run: Run, heard: list[Event]) -> None:
    outcome = run(
        """
        def stop(*_):
            say("result", status="cancelled", resume_dir="/run", step=7)
            sys.exit(130)
        signal.signal(signal.SIGTERM, stop)
        say("started")
        time.sleep(60)
        """,
        stop=after(0.7),
    )
    assert (outcome.status, outcome.exit_code, outcome.why) == ("cancelled", 130, "it was cancelled")
    assert heard[-1].data["step"] == 7


@pytest.mark.parametrize(
    ("code", "why"), [("time.sleep(60)", "it was cancelled"), ("os.kill(os.getpid(), signal.SIGTERM)", "")]
)
def test_ended_before_its_first_word_it_is_cancelled(run: Run, code: str, why: str) -> None:
    outcome = run(code, stop=lambda: why)
    assert (outcome.status, outcome.exit_code, outcome.why) == ("cancelled", -signal.SIGTERM, why)


def test_ended_later_without_a_word_it_has_crashed(run: Run, heard: list[Event]) -> None:
    outcome = run("say('started'); time.sleep(60)", stop=lambda: "it was cancelled" if heard else "")
    assert (outcome.status, outcome.exit_code) == ("crashed", -signal.SIGTERM)


def test_a_child_that_does_not_listen_is_killed_with_all_it_started(run: Run, tmp_path: Path) -> None:
    began = time.monotonic()
    outcome = run(
        """
        import subprocess
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        other = subprocess.Popen([sys.executable, "-c",
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"])
        open("pids", "w").write(f"{os.getpid()} {other.pid}")
        say("started")
        time.sleep(60)
        """,
        stop=after(1.0),
        grace=0.5,
    )
    assert time.monotonic() - began < 8
    assert outcome.exit_code == -signal.SIGKILL
    assert "killed" in outcome.why
    assert all(gone(int(pid)) for pid in (tmp_path / "pids").read_text().split())


@pytest.mark.parametrize("does", ["time.sleep(60)", "exec('while True: print(1, flush=True)')"])
def test_a_grandchild_that_keeps_the_output_open_keeps_nobody(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    monkeypatch.setattr(child, "LAST_WORDS", 0.5)
    began = time.monotonic()
    outcome = run(f"""
        import subprocess
        other = subprocess.Popen([sys.executable, "-c", "import time; {does}"])
        open("pids", "w").write(str(other.pid))
        say("result", status="done", result={{}})
    """)
    assert (outcome.status, time.monotonic() - began < 8) == ("done", True)
    assert gone(int((tmp_path / "pids").read_text()))


def test_what_breaks_in_us_leaves_no_child(run: Run, tmp_path: Path) -> None:
    def broken() -> str:
        if (tmp_path / "pids").exists():
            raise RuntimeError("our own")
        return ""

    with pytest.raises(RuntimeError, match="our own"):
        run('open("pids", "w").write(str(os.getpid())); say("started"); time.sleep(60)', stop=broken)
    assert gone(int((tmp_path / "pids").read_text()))


def test_secrets_of_ours_do_not_reach_it(run: Run, heard: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "SECRET_KEY",
        "DATABASE_URL",
        "STRIPE_SECRET_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "LD_PRELOAD",
        "PYTHONPATH",
    ):
        monkeypatch.setenv(name, "/nowhere/the-secret")
    assert run('say("log", all=dict(os.environ)); say("result", status="done")').status == "done"
    seen = heard[0].data["all"]
    assert "the-secret" not in json.dumps(seen)
    assert set(seen) <= {
        *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "VOICE_THREADS", "CUDA_VISIBLE_DEVICES", "TTS_HOME"),
        *("VOICE_ROOTS", "PYTHONUNBUFFERED", "PYTHONUTF8"),
    }


def test_the_spec_is_read_however_long_it_is(tmp_path: Path, heard: list[Event]) -> None:
    """A child that never reads its input does not keep us either."""
    found = follow(
        ["/bin/sh", "-c", "exit 4"],
        {"job": "vjob_1", "text": "x" * 3_000_000},
        spec_file=tmp_path / "spec.json",
        log=tmp_path / "log.txt",
        environment={},
        directory=tmp_path,
        on_event=heard.append,
        stop_wish=lambda: "",
        limits=Limits(stall=5, total=5, grace=1),
    )
    assert (found.status, heard) == ("failed", [])


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    descriptors = _descriptors()
    with pytest.raises(OSError, match="no-such-program"):
        follow(
            ["/no-such-program"],
            {"job": "vjob_1"},
            spec_file=tmp_path / "spec.json",
            log=tmp_path / "log.txt",
            environment={},
            directory=tmp_path,
            on_event=print,
            stop_wish=lambda: "",
            limits=Limits(),
        )
    assert _descriptors() == descriptors


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children of it on Linux only")
def test_a_worker_that_is_killed_takes_its_child_along(tmp_path: Path) -> None:
    program = tmp_path / "child.py"
    program.write_text(
        LINE
        + textwrap.dedent("""
        def stop(*_):
            open("saved", "w").write("checkpoint")
            sys.exit(130)
        signal.signal(signal.SIGTERM, stop)
        open("pids", "w").write(str(os.getpid()))
        while True: time.sleep(0.05)
        """)
    )
    worker = tmp_path / "worker.py"
    worker.write_text(
        textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from billing.voices.runner import Limits, follow
        here = Path({str(tmp_path)!r})
        follow([sys.executable, {str(program)!r}], {{"job": "vjob_1"}}, spec_file=here / "spec.json",
            log=here / "log.txt", environment={{}}, directory=here, on_event=print, stop_wish=str, limits=Limits())
        """)
    )
    process = subprocess.Popen([sys.executable, str(worker)], env=os.environ | {"PYTHONPATH": str(Path.cwd())})
    try:
        until = time.monotonic() + 20
        while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
    assert gone(int((tmp_path / "pids").read_text()))
    assert (tmp_path / "saved").read_text() == "checkpoint"


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0


def test_the_tail_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    assert tail(log) == []
    log.write_bytes(
        b"first\n" + b"\xff\x00bad\n" + b"".join(b"line %d\n" % number for number in range(20_000)) + b"end"
    )
    found: list[Any] = tail(log, lines=3)
    assert found == ["line 19998", "line 19999", "end"]
    log.write_bytes(b"\xff\x00bad\n\n")
    assert tail(log) == ["\ufffdbad"]
