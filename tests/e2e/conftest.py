"""Fixtures: servers on free ports that are always stopped again, and names nobody else uses."""

import itertools
import os
import random

import pytest

import servers
import ws_wire

_numbers = itertools.count(1)


def pytest_sessionstart(session):
    if not servers.binary().exists():
        pytest.exit(f"{servers.binary()} is not there: build it or set RINGCAST_BIN", returncode=2)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with default settings, shared by the tests of a module."""
    server = servers.Server(tmp_path_factory.mktemp("server")).start()
    yield server
    was_running = server.running()
    server.stop()
    assert was_running, f"the server ended by itself:\n{server.log()}"
    assert server.child.returncode == 0, server.log()


@pytest.fixture
def start(tmp_path):
    """Starts servers of a test's own: start(config_yaml, port=…, arguments=…)."""
    started = []

    def start_server(config="", **options):
        server = servers.Server(tmp_path, config, **options)
        started.append(server)
        return server.start()

    yield start_server
    for server in started:
        server.stop()
        assert "ERROR: AddressSanitizer" not in server.log(), server.log()


@pytest.fixture
def tap():
    """Makes taps: tap(port) forwards to port."""
    taps = []

    def make(port):
        taps.append(servers.Tap(port))
        return taps[-1]

    yield make
    for each in taps:
        each.stop()


@pytest.fixture
def topic():
    return f"e2e.{next(_numbers)}"


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    """example_ws_echo, shared by the tests of a module."""
    server = ws_wire.EchoServer(tmp_path_factory.mktemp("echo")).start()
    yield server
    was_running = server.running()
    server.stop()
    assert was_running, f"the server ended by itself:\n{server.log()}"
    assert server.child.returncode == 0, server.log()


@pytest.fixture
def seed():
    """RINGCAST_TEST_SEED, or one that a failure prints."""
    number = int(os.environ.get("RINGCAST_TEST_SEED", random.randrange(1 << 32)))
    print(f"RINGCAST_TEST_SEED={number}")
    return number
