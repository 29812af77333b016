"""Providers of key sets: away, slow, asked no more than need be; and what --check finds."""

import http.server
import json
import signal
import subprocess
import threading
import time

import pytest

import servers
import wire
from test_access import Signer, bearer, publish

GRANTS = {"ringcast": {"publish": ["*"]}}


class Provider:
    """Answers /jwks with `keys` when `open` is set, and hangs until then."""

    def __init__(self, keys):
        self.keys, self.asked, self.open = keys, [], threading.Event()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                provider.asked.append(self.headers.get("Authorization"))
                provider.open.wait(20)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": provider.keys}).encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # who hangs up does so on purpose
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.place = f"127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def signer():
    return Signer("ES256", "k")


@pytest.fixture
def provider(signer):
    provider = Provider([signer.jwk])
    yield provider
    provider.stop()


@pytest.fixture
def access(tmp_path):
    """An access file that has tokens: access(address of the key set, more lines)."""

    def make(jwks, more=""):
        path = tmp_path / "access.yaml"
        path.write_text(f"jwt:\n  jwks: {jwks}\n  audience: ringcast\n{more}")
        return path

    return make


def test_nobody_waits_for_a_provider(start, provider, signer, access):
    path = access(f"http://alice:hush-hush@{provider.place}/jwks?of=hush-too")
    server = start(f"auth: {{access: {path}}}\n")
    answer = publish(server.port, "x", bearer(signer.token(**GRANTS)))
    assert answer.status == 503 and answer.json()["error"]["code"] == "no_key_set"
    assert int(answer.get("Retry-After")) > 0 and answer.get("WWW-Authenticate") is None
    assert publish(server.port, "x", bearer("no-token-of-this-form")).status == 401
    assert publish(server.port, "x").status == 401
    wire.wait_for(lambda: provider.asked, "the question")
    begin = time.monotonic()
    assert server.terminate() == 0
    assert time.monotonic() - begin < 3, "it waited for the provider"
    assert "hush" not in server.log()


def test_a_provider_is_asked_once_at_the_start(start, provider, signer, access):
    provider.open.set()
    path = access(f"http://alice:hush-hush@{provider.place}/jwks?of=hush-too")
    server = start(f"auth: {{access: {path}}}\n")
    token = signer.token(**GRANTS)
    wire.wait_for(lambda: publish(server.port, "x", bearer(token)).status == 200, "the keys")
    time.sleep(0.3)
    assert len(provider.asked) == 1 and provider.asked[0].startswith("Basic ")
    assert f"http://{provider.place}/jwks" in server.log() and "hush" not in server.log()


def test_a_reload_that_is_refused_leaves_the_keys_in_peace(tmp_path, provider, signer, access):
    """What the refused reload has read does not come into force with the next renewal."""
    provider.open.set()
    path, config = access(f"http://{provider.place}/jwks", "  refresh_s: 1\n"), tmp_path / "r.yaml"
    port = servers.free_port()
    text = f"listen: ['0.0.0.0:{port}']\nauth: {{access: {path}"
    config.write_text(text + "}\n")
    server = servers.Process([servers.binary(), "serve", "--config", config], tmp_path / "log")
    server.start(lambda: '"ready"' in server.log(), "ringcast")
    try:
        token = bearer(signer.token(**GRANTS))
        wire.wait_for(lambda: publish(port, "x", token).status == 200, "the keys")
        path.write_text(path.read_text().replace("audience: ringcast", "audience: other"))
        config.write_text(text + ", enabled: false}\n")
        server.signal(signal.SIGHUP)
        wire.wait_for(lambda: "reload refused" in server.log(), "the refusal")
        provider.keys = [*provider.keys, Signer("ES256", "new").jwk]
        wire.wait_for(lambda: server.log().count("key set renewed") == 2, "the renewal")
        assert publish(port, "x", token).status == 200
    finally:
        assert server.terminate() == 0


def check(*arguments):
    command = [servers.binary(), "serve", "--check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=10)


INSECURE = "http://id.example/jwks"


@pytest.mark.parametrize(
    "jwks, more, why",
    [
        (INSECURE, "", "allow_insecure"),
        ("http://127.0.0.1.example/jwks", "", "allow_insecure"),
        ("http://127.0.0.1@id.example/jwks", "", "allow_insecure"),
        (INSECURE, "  allow_insecure: yes\n", "expected true or false"),
        (INSECURE, "  allow_insecure: true\n", None),
        ("http://[::1]:9/jwks", "", None),
        ("http://localhost:9/jwks", "  refresh_s: 1\n", None),
        ("https://id.example/jwks", "  refresh_s: 9\n", "at least 10 seconds"),
        ("https://id.example/jwks", "  refresh_s: 10\n", None),
        ("https://[oops/jwks", "", "no https:// address"),
        ("/nowhere/keys.json", "", "Cannot read the key set /nowhere/keys.json"),
        ("/dev/null", "", "no JSON Web Key Set"),
    ],
)
def test_check_reads_the_access_file(access, jwks, more, why):
    done = check("--set", f"auth.access={access(jwks, more)}")
    assert done.returncode == (1 if why else 0), done
    assert why in done.stderr if why else "is valid" in done.stdout


def test_check_finds_what_the_start_refuses(tmp_path, access, signer):
    done = check("--set", f"auth.access={tmp_path}/none.yaml")
    assert done.returncode == 1 and "Cannot read the access file" in done.stderr
    assert done.stdout == ""
    large = tmp_path / "large.yaml"
    large.write_text("keys: {}\n" + f"# {'x' * 1021}\n" * 4096)
    done = check("--set", f"auth.access={large}")
    assert done.returncode == 1 and "more than 4194304 bytes" in done.stderr
    done = check("--listen", "0.0.0.0:1")
    assert done.returncode == 1 and "auth.allow_public" in done.stderr
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [{"kty": "x", "kid": "odd"}, signer.jwk]}))
    done = check("--listen", "0.0.0.0:1", "--set", f"auth.access={access(keys)}")
    assert done.returncode == 0 and "odd" in done.stderr and "is valid" in done.stdout
    command = [servers.binary(), "serve", "--print-config", "--listen", "0.0.0.0:1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert done.returncode == 1 and "listen:" in done.stdout and "allow_public" in done.stderr


def test_an_open_server_behind_a_public_proxy_is_warned_of(start):
    def warns(config):
        server = start(config)
        server.stop()
        return "whoever reaches the proxy" in server.log()

    assert warns("hosts: [events.example.org]\n")
    assert not warns("hosts: [localhost]\n")
    assert not warns("hosts: [events.example.org]\nnet: {trusted_proxies: []}\n")
    assert not warns("hosts: [events.example.org]\nauth: {allow_public: true}\n")
    assert not warns("hosts: [events.example.org]\nauth: {tokens: [0123456789abcdef]}\n")
