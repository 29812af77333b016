"""Listeners of every kind pass on to the process that takes over: Unix sockets with their files,
those with PROXY headers, those of agent checks; what systemd opened as a Unix
socket; and a process that cannot take over is counted."""

import os
import pathlib
import signal
import socket
import subprocess
import sys

import pytest

import servers
import wire
from test_handover import failed_handovers, relay, said  # noqa: F401 (a fixture)


def agent(port):
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        return connection.makefile("rb").read()


def proxied(port, path="/health"):
    with wire.Connection(port) as connection:
        connection.send(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n" + wire.encode("GET", path))
        return connection.response()


def test_listeners_of_every_kind_pass_on(relay, tmp_path):  # noqa: F811
    path = str(tmp_path / "clients.sock")
    proxy_port, agent_port = servers.free_port(), servers.free_port()
    listen = [f"unix:{path},mode=0600", f"127.0.0.1:{proxy_port},proxy"]
    arguments = [word for each in listen for word in ("--listen", each)]
    chain = relay(more=f"agent_check: ['127.0.0.1:{agent_port}']\n", arguments=arguments)
    old = chain.start()
    before = os.stat(path)
    assert before.st_mode & 0o777 == 0o600
    for _ in range(2):
        new = chain.successor()
        assert old.wait() == 0, old.log()
        inherited = {line["address"]: line["inherited"] for line in said(new, "listening")}
        assert inherited == {
            f"127.0.0.1:{new.port}": True,
            f"unix:{path}": True,
            f"127.0.0.1:{proxy_port}": True,
        }
        assert os.stat(path).st_ino == before.st_ino, "the file is the old one's, and still there"
        assert wire.request(path, "GET", "/health").status == 200
        assert proxied(proxy_port).status == 200
        with wire.Connection(proxy_port) as connection:
            connection.send(wire.encode("GET", "/health"))
            with pytest.raises((EOFError, OSError)):
                connection.response()
        assert agent(agent_port) == b"ready up\n"
        old = new
    chain.arguments[1] = f"unix:{path},mode=0660"
    new = chain.successor()
    assert old.wait() == 0, old.log()
    assert os.stat(path).st_mode & 0o777 == 0o660, "its configuration counts"
    assert new.terminate() == 0
    assert not os.path.exists(path), "whoever has it in the end removes it"


ACTIVATE = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(16)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ["LISTEN_FDS"], os.environ["LISTEN_PID"] = "1", str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_a_unix_socket_of_systemd(tmp_path):
    path = str(tmp_path / "activated.sock")
    command = [sys.executable, "-c", ACTIVATE, path, str(servers.binary()), "serve"]
    command += ["--listen", f"unix:{path}"]
    with open(tmp_path / "log", "wb") as log:
        child = subprocess.Popen(command, stderr=log, stdout=log)
    try:

        def up():
            assert child.poll() is None, (tmp_path / "log").read_text()
            return '"ready"' in (tmp_path / "log").read_text()

        wire.wait_for(up, "ringcast to be ready")
        assert wire.request(path, "GET", "/health").status == 200
    finally:
        child.terminate()
        assert child.wait(20) == 0


def test_a_successor_that_cannot_start_is_counted(relay):
    old = relay().start()
    before = failed_handovers(old.port)
    (config,) = pathlib.Path(old.log_path).parent.glob("*.yaml")
    config.write_text(config.read_text() + "drian: {}\n")
    old.signal(signal.SIGUSR2)
    ended = "the successor has ended, this process goes on"
    assert wire.wait_for(lambda: said(old, ended), "the end")[0]["level"] == "error"
    wire.wait_for(lambda: failed_handovers(old.port) == before + 1, "the count")
    wire.publish(old.port, "t", "as before")
    assert old.terminate() == 0
