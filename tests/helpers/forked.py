"""Runs `wavspa` in processes that share their imports, which take several times as long as a small training."""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

LIMIT = 600
"""Seconds after which a command is ended."""


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, in a session of its own, in a fork of a process that has imported everything.

    The fork ends as an interpreter does: its signals, its exit status and what it does at exit are those of `wavspa`.

    Args:
        arguments: What follows `wavspa`.
        folder: The working directory.
    """
    server = _server(threading.get_ident())
    assert server.stdin and server.stdout
    with TemporaryDirectory() as place:
        output = Path(place) / "output"
        server.stdin.write(json.dumps([arguments, str(folder), str(output)]) + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        return subprocess.CompletedProcess(arguments, status, "", output.read_text())


@cache
def _server(thread: int) -> subprocess.Popen[str]:
    # One for each thread that asks, because a server runs one command at a time.
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    command, pipe = [sys.executable, __file__], subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True, start_new_session=True)


def _serve() -> None:
    """Answers each request with the status of its command, until nobody asks any more."""
    import interrupt  # noqa: F401

    import wavspa_lit.cli  # noqa: F401
    from wavspa_lit.__main__ import main

    gc.freeze()  # collections would otherwise write to, and so copy, every page that forks share
    for line in sys.stdin:
        arguments, folder, output = json.loads(line)
        if child := os.fork():
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            continue
        os.setsid()
        os.chdir(folder)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream.fileno())
        signal.alarm(LIMIT)
        sys.argv = ["wavspa", *arguments]
        return main()


if __name__ == "__main__":
    _serve()
