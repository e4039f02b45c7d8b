"""A JupyterLab of its own on loopback: a free port, a token, nothing of the user's configuration."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

QUICK_START = Path(__file__).resolve().parents[1] / "quick_start.py"

# No news, no update check, no autosave; every cell is in the page, whether it is on the screen or not.
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
# What the page paints anew, or asks the server for, with every message that a kernel answers: the icon of the browser's
# tab and the circle that says whether the kernel is busy. A test's own server goes without; they are half of a message.
LEFT_OUT = (
    "@jupyterlab/application-extension:faviconbusy",
    "@jupyterlab/apputils-extension:kernel-status",
)
FLAGS = [
    "--no-browser",
    "--ip=127.0.0.1",
    "--ServerApp.port_retries=0",
    "--ServerApp.allow_root=True",
    "--LabApp.expose_app_in_browser=True",
    "--LabApp.extension_manager=readonly",
    "--LabApp.news_url=",
    "--KernelManager.shutdown_wait_time=0",  # a kernel of which nothing is wanted any more is not asked to tidy up
]


@dataclass(frozen=True)
class LabServer:
    """A running server: where it is, the folder that it serves, and its log."""

    url: str
    token: str
    root: Path
    log: Path

    def link(self, notebook: str, *, reset: bool = True) -> str:
        """The address of a notebook; `reset` forgets the workspace of an earlier visit."""
        return f"{self.url}/lab/tree/{notebook}?token={self.token}" + ("&reset" if reset else "")

    def request(self, path: str, method: str = "GET") -> object:
        """Ask the REST interface, such as `/api/kernels`; returns the decoded JSON, None without a body."""
        request = urllib.request.Request(
            self.url + path, method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None


@contextlib.contextmanager
def jupyterlab(
    root: Path, *, command: list[str] | None = None, settings: dict | None = None, timeout: float = 120
) -> Iterator[LabServer]:
    """Serve the folder `root` and stop the server, with its kernels, at the end.

    `command` replaces `python -m jupyterlab FLAGS`; it must serve on the port of JUPYTER_PORT.
    Raises RuntimeError with the end of the log where it stops or does not answer in `timeout` seconds.
    """
    port, token = _free_port(), secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="sketchwidgets-lab-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        server = LabServer(f"http://127.0.0.1:{port}", token, root, home / "server.log")
        if command is None:
            flags = [*FLAGS, f"--ServerApp.root_dir={root}", f"--LabApp.app_settings_dir={home / 'settings'}"]
            command = [sys.executable, "-m", "jupyterlab", *flags]
            _leave_out(home / "config", LEFT_OUT)
        _write_settings(home / "settings", settings or {})
        startup = home / "ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True)
        shutil.copy(QUICK_START, startup)
        environment = _environment(home, port, token)
        with server.log.open("wb") as log:
            process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=root
            )
        try:
            _wait_for_answer(server, process, timeout)
            yield server
        finally:
            process.terminate()  # the server shuts its kernels down
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _write_settings(folder: Path, more: dict) -> None:
    folder.mkdir()
    (folder / "overrides.json").write_text(json.dumps({**SETTINGS, **more}))


def _leave_out(config: Path, plugins: tuple[str, ...]) -> None:
    folder = config / "labconfig"
    folder.mkdir(parents=True)
    disabled = {"disabledExtensions": dict.fromkeys(plugins, True)}
    (folder / "page_config.json").write_text(json.dumps(disabled))


def _environment(home: Path, port: int, token: str) -> dict[str, str]:
    folders = {
        "HOME": "",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "user-settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    return {
        **os.environ,
        **{name: str(home / folder) for name, folder in folders.items()},
        "JUPYTER_PORT": str(port),
        "JUPYTER_TOKEN": token,
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "OMP_NUM_THREADS": "1",
    }


def _wait_for_answer(server: LabServer, process: subprocess.Popen, timeout: float) -> None:
    end = time.monotonic() + timeout
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"JupyterLab ended with status {process.returncode}:\n{_tail(server.log)}")
        try:
            server.request("/api/status")
            return
        except (OSError, urllib.error.URLError):
            if time.monotonic() > end:
                raise RuntimeError(
                    f"JupyterLab did not answer in {timeout} s:\n{_tail(server.log)}"
                ) from None
            time.sleep(0.1)


def _tail(log: Path, characters: int = 4000) -> str:
    return log.read_text(errors="replace")[-characters:]
