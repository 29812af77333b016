"""What `cmake --install` puts into a prefix: programs, manual, completions, bill, unit, library."""

import gzip
import json
import os
import re
import shutil
import subprocess

import pytest

import servers
import wire

BUILD = servers.binary().parent.parent
CONSUMER = servers.ROOT / "tests/e2e/consumer"

pytestmark = pytest.mark.skipif(
    not (BUILD / "tools/packaging/ringcast.1.gz").exists(),
    reason=f"{BUILD} has no manual: build its target package_files",
)


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=120, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", BUILD, "--prefix", prefix)
    return prefix


def page(prefix, name):
    return gzip.decompress((prefix / "share/man" / f"man{name[-1]}" / f"{name}.gz").read_bytes())


def test_programs_and_configuration(prefix):
    assert run(prefix / "bin/ringcast", "--version").startswith("ringcast ")
    assert "sse" in run(prefix / "bin/ringload", "--help")
    config = prefix / "etc/ringcast/ringcast.yaml"
    assert "is valid" in run(prefix / "bin/ringcast", "serve", "--config", config, "--check")
    # What the administrator wrote survives the next installation.
    config.write_text("listen: ['127.0.0.1:1']\n")
    run("cmake", "--install", BUILD, "--prefix", prefix, "--component", "server")
    assert config.read_text() == "listen: ['127.0.0.1:1']\n"


def test_manual_pages_say_what_help_says(prefix):
    text = page(prefix, "ringcast.1").decode().replace("\\-", "-")
    commands = re.findall(r"^  ([a-z][a-z-]+) {2,}", run(prefix / "bin/ringcast", "--help"), re.M)
    assert "serve" in commands and "completion" in commands
    for command in commands:
        assert f"\n.SS ringcast {command}\n" in text
        for option in re.findall(r"(?<= |,)--[a-z-]+", run(prefix / "bin/ringcast", command, "-h")):
            assert option in text, (command, option)
    keys = re.findall(r"^\| `([a-z_.]+)`",
                      run(prefix / "bin/ringcast", "serve", "--list-settings"), re.M)
    settings = page(prefix, "ringcast.yaml.5").decode()
    assert len(keys) > 40
    for key in keys:
        assert f"\\fB{key}\\fR\n" in settings
    assert "--echo" in page(prefix, "ringload.1").decode().replace("\\-", "-")


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
@pytest.mark.parametrize("name", ["ringcast.1", "ringload.1", "ringcast.yaml.5"])
def test_manual_pages_are_right_to_groff(prefix, name):
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-rCHECKSTYLE=2"],
                          input=page(prefix, name), capture_output=True, check=False, timeout=60)
    # A line that is too long for justification is left ragged; that is no mistake.
    wrong = [line for line in done.stderr.decode().splitlines()
             if "cannot adjust" not in line and "can't break" not in line]
    assert done.returncode == 0 and not wrong, wrong
    assert page(prefix, name).startswith(b".TH ") and done.stdout


BASH = """
source {script}
compopt() {{ :; }}
COMP_LINE={line!r} COMP_POINT=${{#COMP_LINE}} COMP_WORDS=(ringcast) COMP_CWORD=1
_ringcast
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
compdef() {{ :; }}
source {script}
_describe() {{ print -l -- ${{(P)4}} }}
_files() {{ print -l -- * }}
compset() {{ :; }}
words=({words}) CURRENT=$#words
_ringcast
"""
LINES = {
    "ringcast sub": {"subscribe"},
    "ringcast serve --set sse.": {"sse.enabled=", "sse.heartbeat_ms=", "sse.retry_ms="},
    "ringcast serve --set log.format=": {"log.format=json", "log.format=text"},
    "ringcast features enable web": {"websocket-streaming"},
    "ringcast subscribe a --from ": {"earliest", "latest"},
    "ringcast serve --che": {"--check"},
    "ringcast serve --config ./some-": {"some-file.yaml"},
}


def shell(name, prefix, line, directory):
    """What the shell offers for the line, by the installed script."""
    path = f"{prefix}/bin:{os.environ['PATH']}"
    options = {"env": {**os.environ, "PATH": path, "HOME": str(directory)}, "cwd": directory}
    if name == "bash":
        script = prefix / "share/bash-completion/completions/ringcast"
        text = run("bash", "--norc", "-c", BASH.format(script=script, line=line), **options)
    elif name == "zsh":
        script = prefix / "share/zsh/vendor-completions/_ringcast"
        words = " ".join(f"'{word}'" for word in line.split(" "))
        text = run("zsh", "-f", "-c", ZSH.format(script=script, words=words), **options)
    else:
        script = prefix / "share/fish/vendor_completions.d/ringcast.fish"
        text = run("fish", "--no-config", "-c", f"source {script}; complete -C '{line}'", **options)
    return text.splitlines()


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion(prefix, tmp_path, name):
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    (tmp_path / "some-file.yaml").touch()
    for line, expected in LINES.items():
        found = set()
        for offered in shell(name, prefix, line, tmp_path):
            word = offered.split("\t")[0].split(":")[0] if name != "bash" else offered
            # bash has what stands before = or : already.
            before = line.split(" ")[-1]
            if name == "bash" and "=" in before:
                word = before[:before.rindex("=") + 1] + word
            found.add(word.removeprefix("./"))
        assert found == expected, (line, found)


def test_completion_of_an_unknown_shell_is_refused(prefix):
    done = subprocess.run([prefix / "bin/ringcast", "completion", "ksh"], capture_output=True,
                          text=True, check=False, timeout=10)
    assert done.returncode == 2 and "bash" in done.stderr and not done.stdout


def test_bill_of_materials(prefix):
    bill = json.loads((prefix / "share/doc/ringcast/ringcast.cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.5", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    main = bill["metadata"]["component"]
    assert (main["type"], main["name"]) == ("application", "ringcast")
    version = run(prefix / "bin/ringcast", "--version").split()[1]
    assert main["version"] == version
    references = [main["bom-ref"]]
    for each in bill["components"]:
        assert each["type"] == "library" and each["name"]
        installed = run("dpkg-query", "-W", "-f", "${Version}", each["name"])
        assert each["version"] == installed, each["name"]
        assert re.match(r"pkg:deb/\w+/[a-z0-9.+-]+@[^?]+\?arch=\w+&distro=", each["purl"])
        references.append(each["bom-ref"])
    assert len(set(references)) == len(references), "references are unique"
    for node in bill["dependencies"]:
        assert {node["ref"], *node["dependsOn"]} <= set(references)
    # Whatever the loader takes is in there, and what is compiled in.
    linkage = {each["name"]: each["properties"][0]["value"] for each in bill["components"]}
    assert linkage["node-llhttp"] == linkage["libcli11-dev"] == "compiled-in"
    paths = dict(re.findall(r"(\S+) => (/\S+)", run("ldd", prefix / "bin/ringcast")))
    needed = re.findall(r"NEEDED.*\[(.+)\]", run("readelf", "-d", prefix / "bin/ringcast"))
    owned = {path: name for name in linkage for path in
             run("dpkg-query", "-L", name).splitlines()}
    assert len(needed) > 8
    for library in set(needed) & set(paths):  # the loader itself has no path there
        real = os.path.realpath(paths[library])
        name = owned.get(real) or owned[real.removeprefix("/usr")]
        assert linkage[name] == "dynamic", library


def test_unit_is_hardened(prefix):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed")
    unit = prefix / "lib/systemd/system/ringcast.service"
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit,
                           unit.with_suffix(".socket")], capture_output=True, text=True,
                          check=False, timeout=60)
    about = [line for line in done.stderr.splitlines() if "ringcast" in line]
    assert not about, about
    text = run("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)
    level = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", text)[1])
    assert level <= 2.0, text


def test_a_program_of_ones_own(prefix, tmp_path):
    """find_package(ringcast) from outside, and its programs answer."""
    run("cmake", "-G", "Ninja", "-S", CONSUMER, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}",
        "-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_CXX_COMPILER=clang++-19")
    run("cmake", "--build", tmp_path)
    for program in ("greeter", "weather"):
        port = servers.free_port()
        process = servers.Process([tmp_path / program, f"127.0.0.1:{port}"], tmp_path / "log")
        process.start(lambda port=port: servers.accepts(port), program)
        try:
            if program == "greeter":
                answer = wire.request(port, "GET", "/world")
                assert (answer.status, answer.body) == (200, b"Hello, /world!")
            else:
                call = {"jsonrpc": "2.0", "id": 1, "method": "initialize",
                        "params": {"protocolVersion": "2025-06-18", "capabilities": {},
                                   "clientInfo": {"name": "test", "version": "1"}}}
                headers = {"Content-Type": "application/json",
                           "Accept": "application/json, text/event-stream"}
                answer = wire.request(port, "POST", "/mcp", headers, json.dumps(call))
                assert answer.status == 200 and b'"name":"weather"' in answer.body
        finally:
            assert process.terminate() == 0, process.log()


def test_another_compiler_is_refused(prefix, tmp_path):
    if not shutil.which("g++"):
        pytest.skip("g++ is not installed")
    done = subprocess.run(["cmake", "-G", "Ninja", "-S", CONSUMER, "-B", tmp_path,
                           f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_CXX_COMPILER=g++",
                           "-DCMAKE_C_COMPILER=gcc"], capture_output=True, text=True, check=False,
                          timeout=60)
    assert done.returncode != 0 and "needs clang 19 or newer, found GNU" in \
        re.sub(r"\s+", " ", done.stderr)
