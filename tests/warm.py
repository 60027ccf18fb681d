"""A ``gasnet3`` command without the seconds that Python needs to import everything.

A server process imports what commands need, once. The command put first on the PATH hands its
arguments, directory, environment and open files to the server, which forks a process to be that
command. To a shell it is the command it stands for: pipes, redirections, ``&``, exit statuses.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

SOCKET = "GASNET3_TEST_SERVER"
IMPORTED = (
    *("gasnet3.cli", "gasnet3.pipeline.pipeline", "gasnet3.onnx.runtime"),
    *("gasnet3.run.local", "gasnet3.run.work", "gasnet3.run.dask", "gasnet3.run.convert"),
    *("gasnet3.anomaly.measure", "gasnet3.anomaly.ranking", "gasnet3.train.mock"),
    *("gasnet3.train.loop", "gasnet3.evaluate.tables", "gasnet3.io.inspect.inspecting"),
    *("gasnet3.paper.figures", "gasnet3.report.summary", "gasnet3.report.html.page"),
    *("matplotlib.pyplot", "astropy.table", "pyarrow.dataset", "pyarrow.parquet", "pandas"),
    *("bokeh.plotting", "bokeh.embed", "rich.progress", "rich.table", "safetensors.torch"),
    *("scipy.ndimage", "pydantic.type_adapter", "pydantic.root_model", "PIL.WebPImagePlugin"),
)

CLIENT = """#!{python} -IS
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect(os.environ["{variable}"])
call = dict(arguments=sys.argv[1:], directory=os.getcwd(), environment=dict(os.environ))
socket.send_fds(server, [b"!"], [0, 1, 2])
server.sendall(json.dumps(call).encode() + b"\\n")
status = server.recv(1)
sys.exit(status[0] if status else 1)
"""


@contextlib.contextmanager
def _commands(directory: Path) -> Iterator[dict[str, str]]:
    """Environment variables with which ``gasnet3`` is such a command; python that of the tests.

    ``gasnet3 -c SCRIPT`` runs Python code in such a process, warnings being errors.
    """
    command, address = directory / "gasnet3", directory / "socket"
    command.write_text(CLIENT.format(python=sys.executable, variable=SOCKET))
    command.chmod(0o755)
    call = [sys.executable, str(Path(__file__)), str(address)]
    # Threads that wait must not spin: on a busy machine they would take the time of the others.
    passive = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    with (
        (directory / "log").open("w") as log,
        subprocess.Popen(
            call, env=passive, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
        ) as server,
    ):
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n", (directory / "log").read_text()
        places = (str(directory), str(Path(sys.executable).parent), os.environ["PATH"])
        try:
            yield {**os.environ, "PATH": os.pathsep.join(places), SOCKET: str(address)}
        finally:
            server.terminate()


@cache
def environment() -> dict[str, str]:
    """Environment variables of such commands, for as long as this process lives."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="gasnet3-"))
    return stack.enter_context(_commands(Path(directory)))


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start gasnet3; options are those of Popen. To end what is returned ends the command."""
    call = [shutil.which("gasnet3", path=environment()["PATH"]), *map(str, arguments)]
    # What a test has set since is meant as well.
    both = {**os.environ, **{name: environment()[name] for name in ("PATH", SOCKET)}}
    return subprocess.Popen(call, env=both, text=True, **options)


def run(*arguments: object, status: int = 0, cwd: Path | None = None) -> tuple[str, str]:
    """Run gasnet3; stdout and stderr, the latter without a traceback whatever the status."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start(*arguments, cwd=cwd, **pipes) as process:
        try:
            out, err = process.communicate(timeout=240)
        finally:
            process.kill()
    assert "Traceback" not in err, err
    assert process.returncode == status, out + err
    return out, err


def _serve(address: str) -> list[str]:
    """Wait for calls; returns the arguments in each process that is to be a command."""
    for name in IMPORTED:
        importlib.import_module(name)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    gc.freeze()  # what the processes below share is not looked through in each
    print("ready", flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes below
    while True:
        calling, _ = listening.accept()
        if _fork():
            calling.close()
            continue
        listening.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _, files, _, _ = socket.recv_fds(calling, 1, 3)
        call = _read(calling)
        child = _fork()
        if not child:
            calling.close()
            os.setpgid(0, 0)
            return _become(call, files)
        threading.Thread(target=_watch, args=(calling, child), daemon=True).start()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with contextlib.suppress(OSError):
            calling.sendall(bytes([code if code >= 0 else 128 - code]))
        os._exit(0)


def _watch(calling: socket.socket, child: int) -> None:
    """Kill a command, and what it started, when the one who called it is gone."""
    if not calling.recv(1):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)


def _fork() -> int:
    with warnings.catch_warnings():
        # Newer Pythons warn of the threads of numerical libraries, none of which is at work here.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _read(calling: socket.socket) -> dict[str, Any]:
    with calling.makefile("rb") as stream:
        call: dict[str, Any] = json.loads(stream.readline())
    return call


def _become(call: dict[str, Any], files: list[int]) -> list[str]:
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)
    os.chdir(call["directory"])
    os.environ.clear()
    os.environ.update(call["environment"])
    arguments: list[str] = call["arguments"]
    return arguments


def _run(arguments: list[str]) -> None:
    if arguments[:1] == ["-c"]:
        sys.argv[:], sys.path[0] = arguments[:1], ""
        # Not by an option of Python: the processes that a script starts would take it over.
        warnings.simplefilter("error")
        # Its own names, as those of a main module would be.
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        from gasnet3.cli import app

        sys.argv[:] = ["gasnet3", *arguments]
        app()


def _end(arguments: list[str]) -> None:
    """Be the command, and end as Python does, but for a second spent on taking modules apart."""
    status = 0
    try:
        _run(arguments)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _end(_serve(sys.argv[1]))
