"""The official conformance suite (npm @modelcontextprotocol/conformance) against
example_mcp_everything: what each revision requires, and all scenarios there are."""

import json
import subprocess

import pytest

import mcp_wire
import npm_packages

SUITE = npm_packages.MODULES / "@modelcontextprotocol/conformance/dist/index.js"
TIMEOUT_S = 300

# The least number of scenarios of a run: one that ran none would pass.
RUNS = {
    "2025-11-25": (["--requirements", "2025-11-25"], 33),
    "2026-07-28": (["--requirements", "2026-07-28"], 50),
    "all": (["--suite", "all"], 60),
}


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    with mcp_wire.Everything(tmp_path_factory.mktemp("everything")) as server:
        yield server


def checks(folder):
    """(scenario, check) of all results in a folder."""
    for path in sorted(folder.glob("*/checks.json")):
        scenario = path.parent.name.removeprefix("server-").rsplit("-20", 1)[0]
        for check in json.loads(path.read_text()):
            yield scenario, check


@pytest.mark.parametrize("run", RUNS)
def test_conformance(everything, tmp_path, run):
    arguments, least = RUNS[run]
    command = [npm_packages.node(), SUITE, "server", "--url", everything.url("/mcp")]
    command += [*arguments, "-o", tmp_path]
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    found = list(checks(tmp_path))
    wrong = [
        f"{scenario}: {check['id']}: {check['status']}: {check.get('errorMessage')}"
        for scenario, check in found
        if check["status"] in ("FAILURE", "WARNING")
    ]
    assert not wrong, "\n".join(wrong)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = [check for _, check in found if check["status"] == "SUCCESS"]
    scenarios = {scenario for scenario, _ in found}
    print(f"{run}: {len(passed)} checks of {len(scenarios)} scenarios passed")
    assert len(scenarios) >= least, sorted(scenarios)
