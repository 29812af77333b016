"""Key sets that are partly or wholly of no use; what of a token and a key is kept and counted."""

import hashlib
import json
import signal
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import wire
from test_access import ISSUER, Signer, b64, bearer, number, publish

GRANTS = {"ringcast": {"publish": ["*"], "subscribe": ["*"]}}


def claims(**more):
    return {"iss": ISSUER, "aud": "ringcast", "exp": time.time() + 60, **GRANTS, **more}


def rsa_key(bits, **more):
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    public = key.public_key().public_numbers()
    return key, {"kty": "RSA", "n": number(public.n), "e": number(public.e), **more}


@pytest.fixture
def serve(start, tmp_path):
    """A server with these keys: serve([JWK, …], more lines below `jwt:`)."""

    def make(keys, more="algorithms: [RS256, PS256, ES256, ES384, HS256, HS512]", limits=""):
        path, access = tmp_path / "keys.json", tmp_path / "access.yaml"
        path.write_text(json.dumps({"keys": keys}))
        rules = f"jwt:\n  jwks: {path}\n  issuer: {ISSUER}\n  audience: ringcast\n  {more}\n"
        access.write_text(rules)
        return start(f"auth: {{access: {access}}}\n{limits}")

    return make


def status(server, token):
    return publish(server.port, "x", bearer(token)).status


def test_one_bad_key_harms_no_other(serve):
    good = Signer("ES256", "good")
    encrypting, jwk = rsa_key(2048, kid="enc", use="enc")
    server = serve([
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "of-tomorrow"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "coin"},
        {"kty": "RSA", "kid": "half"},
        "no key", None, 5, jwk, good.jwk,
    ])  # fmt: skip
    assert status(server, good.token(**GRANTS)) == 200
    assert status(server, jwt.encode(claims(), encrypting, "RS256", {"kid": "enc"})) == 401
    lines = [json.loads(line) for line in server.log().splitlines() if "is not used" in line]
    assert {line.get("kid"): line["why"] for line in lines if line["kid"]} == {
        "of-tomorrow": "its kind `AKP` is none that is known here",
        "coin": "its curve `secp256k1` is none that is known here",
        "half": "it has no `n`",
        "enc": "its `use` is `enc`, not `sig`",
    }
    assert len(lines) == 7


def test_a_key_is_for_what_it_says(serve):
    key, jwk = rsa_key(2048, kid="rs", alg="RS256")
    any_key, any_jwk = rsa_key(2048, kid="any")
    p384 = ec.generate_private_key(ec.SECP384R1())
    point = p384.public_key().public_numbers()
    curve = {"kty": "EC", "crv": "P-384", "x": number(point.x, 48), "y": number(point.y, 48)}
    server = serve([jwk, any_jwk, {**curve, "kid": "p384"}])
    for signer, algorithm, kid, wanted in (
        (key, "RS256", "rs", 200),
        (key, "PS256", "rs", 401),
        (any_key, "PS256", "any", 200),
        (any_key, "RS256", "any", 200),
        (p384, "ES384", "p384", 200),
        (p384, "ES256", "p384", 401),
    ):
        token = jwt.encode(claims(), signer, algorithm, {"kid": kid})
        assert status(server, token) == wanted, (algorithm, kid)


@pytest.mark.parametrize(
    "jwk, why",
    [
        ({"kty": "oct", "k": b64(b"s" * 31)}, "248 bits, and HS256 wants at least 256"),
        ({"kty": "oct", "k": b64(b"s" * 63), "alg": "HS512"}, "504 bits, and HS512 wants"),
        (rsa_key(1024)[1], "1024 bits, and RS256 wants at least 2048"),
        ({"kty": "oct", "k": b64(b"s" * 64), "use": "enc"}, "its `use` is `enc`"),
    ],
)
def test_weak_keys_are_refused(serve, jwk, why):
    with pytest.raises(AssertionError) as failed:
        serve([jwk])
    assert why in str(failed.value)


def test_key_sets_have_limits(serve):
    signers = [Signer("ES256", f"k{n}") for n in range(4)]
    server = serve([each.jwk for each in signers], "max_keys: 2")
    assert [status(server, each.token(**GRANTS)) for each in signers] == [200, 200, 401, 401]
    assert '"max_keys":2,"not_used":2' in server.log()
    with pytest.raises(AssertionError, match="more than 1024 bytes"):
        serve([each.jwk for each in signers] * 3, "max_key_set_bytes: 1024")


def test_times_at_the_ends(serve):
    secret = Signer("HS256", "k")
    server = serve([secret.jwk])
    for more, wanted in (
        ({"nbf": 0}, 200),
        ({"exp": 2**63 - 1}, 200),
        ({"exp": 0}, 401),
        ({"exp": 2**70}, 401),
    ):
        answer = publish(server.port, "x", bearer(secret.token(**GRANTS, **more)))
        assert answer.status == wanted, more
    assert "too large" in answer.json()["error"]["message"]
    assert wire.request(server.port, "GET", "/health").status == 200


LIMITED = "limits: {requests_per_minute: 2, auth_failures_per_minute: 3}\n"


def test_valid_tokens_get_past_those_who_guess(serve):
    signer = Signer("ES256", "k")
    server = serve([signer.jwk], limits=LIMITED)

    def ask(token=None, client="192.0.2.1"):
        headers = {"X-Forwarded-For": client, **dict(bearer(token) if token else [])}
        return wire.request(server.port, "GET", "/api/topics", headers).status

    known, new = (signer.token(**GRANTS, sub=name) for name in ("known", "new"))
    assert ask(known) == 200
    # Whoever asks without anything takes nothing from those who bring what is right.
    assert [ask() for _ in range(3)] == [401, 401, 429]
    assert ask(signer.token(**GRANTS, sub="second")) == 200
    guesses = [new[:-9] + f"{n}{n}{n}" + new[-6:] for n in range(5)]
    assert [ask(guess) for guess in guesses] == [401, 401, 401, 429, 429]
    assert ask(known) == 200, "what was proved is known"
    assert ask(new) == 429, "no signature is checked for a while"
    assert ask(new, "192.0.2.2") == 200
    assert ask(new) == 200, "proved from elsewhere"


def test_what_was_proved_stays_proved_while_its_key_is_there(serve, tmp_path):
    """After a reload a token is known still, although no signature of its client is checked."""
    signers = [Signer("ES256", f"k{n}") for n in range(3)]
    server = serve([each.jwk for each in signers[:2]], limits=LIMITED)
    tokens = [each.token(**GRANTS) for each in signers]

    def ask(token):
        headers = {"X-Forwarded-For": "192.0.2.1", **dict(bearer(token))}
        return wire.request(server.port, "GET", "/api/topics", headers).status

    def reload():
        before = server.log().count('"reloaded"')
        server.signal(signal.SIGHUP)
        wire.wait_for(lambda: server.log().count('"reloaded"') > before, "the reload")

    assert [ask(token) for token in tokens] == [200, 200, 401]
    assert [ask(f"{n}.b.c") for n in range(3)] == [401, 401, 429]
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [each.jwk for each in signers[1:]]}))
    reload()
    # The cores hear of it a moment later.
    wire.wait_for(lambda: all(ask(tokens[0]) == 429 for _ in range(8)), "the key to be gone")
    assert [ask(token) for token in tokens] == [429, 200, 429]
    access = tmp_path / "access.yaml"
    access.write_text(access.read_text().replace("audience: ringcast", "audience: other"))
    reload()
    wire.wait_for(lambda: ask(tokens[1]) == 429, "the token to be for somebody else")


def test_a_reload_tells_what_it_changed(serve, tmp_path):
    server = serve([Signer("ES256", "k").jwk])
    access = tmp_path / "access.yaml"
    secrets = {name: f"{name}-key-of-at-least-16" for name in "abc"}
    hashes = {name: hashlib.sha256(key.encode()).hexdigest() for name, key in secrets.items()}

    def keys(**of):
        lines = [f"  {name}: {{hash: 'sha256:{hashes[name]}', {of[name]}}}\n" for name in of]
        before = server.log().count('"reloaded"')
        access.write_text("keys:\n" + "".join(lines))
        server.signal(signal.SIGHUP)
        wire.wait_for(lambda: server.log().count('"reloaded"') > before, "the reload")
        lines = [json.loads(line) for line in server.log().splitlines() if "keys_added" in line]
        return {name: value for name, value in lines[-1].items() if name.startswith("keys_")}

    changes = keys(a="publish: [x]", b="publish: [x]")
    assert changes == {"keys_added": "a,b", "keys_removed": "", "keys_changed": ""}
    changes = keys(b="publish: [y]", c="publish: [x]")
    assert changes == {"keys_added": "c", "keys_removed": "a", "keys_changed": "b"}
    for text in (*secrets.values(), *hashes.values()):
        assert text not in server.log()
    access.write_text(access.read_text() + f"  d: {{hash: 'sha256:{hashes['b']}'}}\n")
    server.signal(signal.SIGHUP)
    wire.wait_for(lambda: "b and d are the same key" in server.log(), "the refusal")


def test_tokens_of_different_people_do_not_share_a_rate(serve):
    signer = Signer("HS256", "k")
    server = serve([signer.jwk], "algorithms: [HS256]\n  requests_per_minute: 2")

    def statuses(**claims):
        token = signer.token(**GRANTS, **claims)
        return [publish(server.port, "x", bearer(token)).status for _ in range(3)]

    spent = [200, 200, 429]
    long = "x" * 250
    people = ({"sub": "a"}, {"client_id": "a"}, {"jti": "1"}, {"jti": "2"})
    for claims in (*people, {"sub": long + "1"}, {"sub": long + "2"}):
        assert statuses(**claims) == spent, claims
    assert statuses(sub="a", jti="3") == [429] * 3


def test_a_name_may_end_in_a_dot(start):
    server = start("hosts: [events.example.org]\n")
    for host, wanted in (("events.example.org.", 200), ("events.example.org..", 421)):
        assert wire.request(server.port, "GET", "/api/topics", {"Host": host}).status == wanted
