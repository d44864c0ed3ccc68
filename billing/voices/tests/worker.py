"""The voice worker of `make run` on the tests' own database and store, with a broker of its own: to be killed."""

import os
import signal
import subprocess
from pathlib import Path

import psutil
from kombu import Connection

from billing.voices.tasks import QUEUE, voice_work_task
from portal.home import BASE_DIR
from portal.run.config import Config
from portal.run.parts import parts
from portal.testing.processes import run_environment
from portal.testing.testdatabase import url_of_tests


class VoiceWorker:
    """The part `voices`, alone. Workers of one `home` share their messages."""

    def __init__(self, home: Path, store: Path, **own: str) -> None:
        """`own`: further variables of its environment."""
        self.home = home
        url = url_of_tests()
        config = Config(home, "127.0.0.1", 0, url, "", "", False, "http://localhost", workers=1, threads=1)
        (command,) = [part.command for part in parts(config) if part.name == "voices"]
        self.process = subprocess.Popen(
            command,
            cwd=BASE_DIR,
            env=run_environment(home, 0, DATABASE_URL=url, VOICE_ROOT=str(store), **own),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def family(self) -> list[psutil.Process]:
        """It and all that it started."""
        main = psutil.Process(self.process.pid)
        return [main, *main.children(recursive=True)]

    def pipeline(self) -> psutil.Process:
        """The program that does the job now."""
        (found,) = [each for each in self.family() if "voice_pipeline" in each.cmdline()]
        return found

    def kill(self, *, all_of_it: bool = True) -> None:
        """SIGKILL to all its processes at once, or to the first one. What does a job has a session of its own."""
        if all_of_it:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        """As the supervisor does it: what it is doing is done first."""
        self.process.terminate()
        self.process.wait(30)

    def tell(self) -> None:
        """Send the message that a job waits, to the worker's broker."""
        with Connection("filesystem://localhost", transport_options=self._broker) as connection:
            voice_work_task.apply_async(expires=60, retry=False, connection=connection)

    def messages(self) -> list[str]:
        """Those that nobody has taken."""
        return [path.name for path in (self.home / "broker" / "messages").glob(f"*.{QUEUE}.msg")]

    @property
    def _broker(self) -> dict[str, str]:
        messages = str(self.home / "broker" / "messages")
        return {
            "data_folder_in": messages,
            "data_folder_out": messages,
            "control_folder": str(self.home / "broker" / "control"),
        }
