"""One supervised process: its log, its end, its restarts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_MAX_LOG_BYTES = 10_000_000
_BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_STEADY_AFTER_S = 60.0


class Child:
    """A process that runs in a session of its own, writing to a log file.

    Ctrl-C in the terminal reaches only the supervisor, which then stops its children in order.
    On Linux a child also ends when the supervisor is killed, so that none is left behind.

    Args:
        name: what people call it; also the log's name.
        command: program and arguments.
        environment: variables in addition to the supervisor's own.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = log
        self.restarts = 0
        self._command = list(command)
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._restart_at: float | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Starts the process. A log that has grown long is kept aside once as `.old`."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.old"))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_end_with_parent(), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        self._restart_at = None

    def exit_code(self) -> int | None:
        """How it ended, or None while it runs or before it was started."""
        return self._process.poll() if self._process else None

    def revive(self) -> str | None:
        """Restarts a process that ended, later each time it ends soon; call it every moment.

        Returns:
            One line for the person at the terminal when something happened, else None.
        """
        code = self.exit_code()
        if code is None:
            return None
        now = time.monotonic()
        if self._restart_at is None:
            if now - self._started_at > _STEADY_AFTER_S:
                self.restarts = 0
            delay = _BACKOFF_S[min(self.restarts, len(_BACKOFF_S) - 1)]
            self.restarts += 1
            self._restart_at = now + delay
            ended = f"{self.name} ended ({describe_exit(code)})"
            return f"{ended}; it starts again in {delay:g} s; its log is {self.log}"
        if now >= self._restart_at:
            self.start()
            return f"{self.name} started again"
        return None

    def ask_to_stop(self) -> None:
        """SIGTERM: it may finish what it must."""
        self._signal(signal.SIGTERM)

    def stop(self, grace_s: float) -> bool:
        """Waits for the end up to `grace_s`, then kills. True if it ended by itself."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout=max(0.0, grace_s))
            return True
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
            return False

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _signal(self, number: int) -> None:
        # Its whole session, so that what it started itself ends as well.
        if self._process and self._process.poll() is None:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                return


def describe_exit(code: int) -> str:
    """'exit code 1', 'killed by SIGKILL'."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _end_with_parent() -> list[str]:
    # util-linux, so on Linux only: the kernel ends the child when the supervisor is killed.
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
