"""The campaign's end of the two pipes to the warden: orders out, answers and events in, end of file when it is gone."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

import harness
from harness.core.errors import MachineError
from harness.run.stack.registry import Run
from harness.run.stack.surface import ProcessRefusedError, WardenDiedError

__all__ = ["INTERPRETER_OPTIONS", "Message", "WardenLink", "warden_argv"]

Message = dict[str, Any]
INTERPRETER_OPTIONS = ("-I", "-S")  # isolated, and without the time that site-packages take
# Isolated, our package is out of sight: appended, it cannot shadow the standard library.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from harness.run.stack.warden import main; sys.exit(main(sys.argv[2]))"
)
_ROOT = Path(harness.__file__).resolve().parent.parent
_ANSWER_S = 10.0
_COMPLAINT_BYTES = 2000


class WardenLink:
    """One living warden. ``on_message`` is called in the reading thread, in order, before a waiting caller goes on;
    ``on_end`` follows the last message, with what the warden wrote on standard error.
    """

    def __init__(
        self, run: Run, crash_grace_s: float, on_message: Callable[[Message], None], on_end: Callable[[str], None]
    ) -> None:
        self._on_message, self._on_end = on_message, on_end
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._answers: dict[int, Future[Message]] = {}
        self._gone = ""
        self._complaints = _open_scratch()
        try:
            self._process = _start(run, crash_grace_s, self._complaints)
        except OSError as error:
            self._complaints.close()
            raise MachineError(f"the warden cannot be started: {error}") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders, self._events = self._process.stdin, self._process.stdout
        self._reader = threading.Thread(target=self._read, name="warden-events", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Pid of the warden."""
        return self._process.pid

    def request(self, order: str, within_s: float = _ANSWER_S, **fields: Any) -> Message:
        """Send one order and wait for its answer; raises ``ProcessRefusedError`` or ``WardenDiedError``."""
        n = next(self._numbers)
        future: Future[Message] = Future()
        with self._lock:
            self._answers[n] = future
            if self._gone:
                raise WardenDiedError(self._gone)
            self._write({"do": order, "n": n, **fields})
        try:
            answer = future.result(within_s)
        except TimeoutError:
            raise WardenDiedError(f"the warden (pid {self.pid}) has not answered for {within_s:g} s") from None
        finally:
            self._answers.pop(n, None)
        if answer["event"] == "refused":
            raise ProcessRefusedError(f"{fields.get('id')}: {answer['error']}")
        return answer

    def _write(self, message: Message) -> None:
        with contextlib.suppress(OSError):  # the reader meets the end of file and answers for all
            self._orders.write(json.dumps(message).encode() + b"\n")
            self._orders.flush()

    def _read(self) -> None:
        try:
            for line in self._events:
                message: Message = json.loads(line)
                self._on_message(message)
                if waiting := self._answers.get(message.get("n") or 0):
                    waiting.set_result(message)
        finally:
            said = self._last_words()
            try:
                self._on_end(said)
            finally:
                self._disappoint(f"the warden (pid {self.pid}) is gone" + (f": {said}" if said else ""))

    def _last_words(self) -> str:
        self._complaints.seek(0)
        return self._complaints.read()[-_COMPLAINT_BYTES:].decode("utf-8", "replace").strip()

    def _disappoint(self, reason: str) -> None:
        with self._lock:
            self._gone = reason
            waiting_for = list(self._answers.values())
        for waiting in waiting_for:
            if not waiting.done():
                waiting.set_exception(WardenDiedError(reason))

    def close(self, grace_s: float) -> None:
        """Let the warden end every process (SIGKILL after ``grace_s``) and itself, and wait for that."""
        with self._lock:
            self._write({"do": "shutdown", "grace_s": grace_s})
            with contextlib.suppress(OSError):
                self._orders.close()
        try:
            self._process.wait(grace_s + _ANSWER_S)
        except subprocess.TimeoutExpired:  # stopped or starved; its children die with it
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._events.close()
        self._complaints.close()


def _open_scratch() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise MachineError(f"no temporary file can be made: {error}", remedy="free space, or set TMPDIR") from None


def warden_argv(settings: Message) -> list[str]:
    """Command line of a warden: it imports the standard library and our few modules that need no more."""
    return [sys.executable, *INTERPRETER_OPTIONS, "-c", _PROGRAM, str(_ROOT), json.dumps(settings)]


def _start(run: Run, crash_grace_s: float, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    settings = {
        "run_id": run.id,
        "folder": str(run.folder),
        "record": str(run.record),
        "record_fd": run.lock_fd,
        "grace_s": crash_grace_s,
    }
    return subprocess.Popen(
        warden_argv(settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        cwd=os.sep,
        pass_fds=(run.lock_fd,),
        start_new_session=True,
    )
