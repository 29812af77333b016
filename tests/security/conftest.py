"""The fixtures and helpers of tests/e2e, for attacks: nothing of them is repeated here."""

import importlib.util
import pathlib
import sys

import pytest

E2E = pathlib.Path(__file__).resolve().parent.parent / "e2e"
sys.path.insert(0, str(E2E))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import deploy  # noqa: E402 - found by the paths above
import front_door  # noqa: E402

# By path, because both files are called conftest.
_spec = importlib.util.spec_from_file_location("e2e_conftest", E2E / "conftest.py")
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)

pytest_sessionstart = _fixtures.pytest_sessionstart
server, start, topic = _fixtures.server, _fixtures.start, _fixtures.topic


def _front_door(directory, lenient):
    backend = deploy.Backend(directory / "one", "drain.delay_ms=0", "limits.max_topics=1000")
    proxy = front_door.FrontDoor(directory, backend.start(), lenient)
    proxy.backend, proxy.lenient = backend, lenient
    yield proxy.start()
    proxy.stop()
    assert backend.terminate() == 0, backend.log()


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    """HAProxy with its backend at `.backend`."""
    yield from _front_door(tmp_path_factory.mktemp("front"), False)


@pytest.fixture(scope="module", params=["sample", "lenient"])
def any_front(request, tmp_path_factory):
    """The same, and one that passes on what it holds for doubtful."""
    yield from _front_door(tmp_path_factory.mktemp("front"), request.param == "lenient")
