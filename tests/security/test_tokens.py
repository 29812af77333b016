"""Tokens that look right and are not, and keys that are guessed."""

import base64
import hashlib
import hmac
import json
import socket
import time

import mcp_wire
import pytest
import servers
import wire
import ws_wire
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from hostile import anonymous_bytes
from test_access import KEY, SECRET, Signer, b64, bearer, grants, opens, policy, publish

ALL = grants(publish=["*"], subscribe=["*"])
ALGORITHMS = ("RS256", "ES256", "EdDSA", "HS256")
FOUND_OUT = 'error="invalid_token"'


@pytest.fixture(scope="module")
def signers():
    return {name: Signer(name, f"k-{name}") for name in ALGORITHMS}


@pytest.fixture(scope="module")
def server(tmp_path_factory, signers):
    folder = tmp_path_factory.mktemp("access")
    keys, access = folder / "keys.json", folder / "access.yaml"
    keys.write_text(json.dumps({"keys": [signer.jwk for signer in signers.values()]}))
    access.write_text(policy(keys))
    server = servers.Server(folder, f"auth:\n  access: {access}\n").start()
    yield server
    server.stop()
    assert server.child.returncode == 0 and "ERROR: AddressSanitizer" not in server.log()


def body_of(**claims):
    good = {"iss": "https://id.example", "aud": "ringcast", "exp": int(time.time()) + 60, **ALL}
    return json.dumps({**good, **claims})


def by_hand(header, body, sign=lambda text: b""):
    """A token of these texts, whatever they are."""
    header = header if isinstance(header, str) else json.dumps(header)
    text = f"{b64(header.encode())}.{b64(body.encode())}"
    return f"{text}.{b64(sign(text.encode()))}"


def secret(key, digest=hashlib.sha256):
    return lambda text: hmac.new(key, text, digest).digest()


def rsa_signed(signer):
    return lambda text: signer.key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def algorithm_none():
    names = ["none", "None", "NONE", "nOnE", "none ", " none", "no\\u006ee", "none\\u0000", ""]
    for name in names:
        header = f'{{"alg":"{name}","typ":"JWT","kid":"k-RS256"}}'
        yield f"alg {name!r}", by_hand(header, body_of())
        yield f"alg {name!r} signed", by_hand(header, body_of(), secret(b""))
    for value in ("null", "[]", '["none"]', "{}", "0", "true", '["RS256"]'):
        yield f"alg {value}", by_hand(f'{{"alg":{value},"kid":"k-RS256"}}', body_of())
    yield "no alg", by_hand({"kid": "k-RS256"}, body_of())
    yield "alg twice", by_hand('{"alg":"RS256","alg":"none","kid":"k-RS256"}', body_of())
    yield "none first", by_hand('{"alg":"none","alg":"RS256","kid":"k-RS256"}', body_of())
    yield "rs256", by_hand({"alg": "rs256", "kid": "k-RS256"}, body_of())


def public_keys_as_secrets(signers):
    rsa_key, ec_key = signers["RS256"].key.public_key(), signers["ES256"].key.public_key()
    formats = serialization.PublicFormat
    for kid, key in (("k-RS256", rsa_key), ("k-ES256", ec_key)):
        pem = key.public_bytes(serialization.Encoding.PEM, formats.SubjectPublicKeyInfo)
        der = key.public_bytes(serialization.Encoding.DER, formats.SubjectPublicKeyInfo)
        jwk = next(each.jwk for each in signers.values() if each.kid == kid)
        parts = [base64.urlsafe_b64decode(jwk[n] + "==") for n in ("n", "x", "y") if n in jwk]
        for form in (pem, pem.strip(), der, json.dumps(jwk).encode(), *parts, b"", b"\0" * 32):
            for name, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
                for header in ({"alg": name, "kid": kid}, {"alg": name}):
                    token = by_hand(header, body_of(), secret(form, digest))
                    yield f"{name} {header} {form[:12]!r}", token


# Where a key could be fetched, if somebody looked there.
BAIT = socket.create_server(("127.0.0.1", 0))
BAIT_URL = "http://127.0.0.1:%d" % BAIT.getsockname()[1]


def keys_brought_along(signers):
    stranger = Signer("RS256", "k-RS256")
    for header in (
        {"jwk": stranger.jwk},
        {"jwk": {"kty": "oct", "k": b64(b"x" * 32)}},
        {"jku": f"{BAIT_URL}/jwks.json"},
        {"jku": "file:///etc/passwd"},
        {"x5u": f"{BAIT_URL}/cert.pem"},
        {"x5c": [base64.b64encode(b"certificate").decode()]},
        {"x5t": "x"},
        {"kid": None},
        {"kid": ["k-RS256"]},
        {"kid": {"k-RS256": 1}},
        {"kid": 0},
        {"kid": "../../../../dev/null"},
        {"kid": "/proc/self/environ"},
        {"kid": "x' UNION SELECT 'secret' -- "},
        {"kid": "k-RS256\0x"},
        {"kid": "k-RS256\n"},
        {"kid": "K-rs256"},
        {"kid": "|id"},
        {"kid": "x" * 4000},
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"zip": "DEF"},
        {"enc": "A128GCM"},
        {"typ": "at+jwt", "cty": "JWT"},
    ):
        fields = {"alg": "RS256", "kid": "k-RS256", **header}
        yield f"stranger {str(header)[:60]}", by_hand(fields, body_of(), rsa_signed(stranger))
        empty = by_hand({**fields, "alg": "HS256"}, body_of(), secret(b""))
        yield f"empty secret {str(header)[:60]}", empty


def signatures_that_are_none(signers):
    ours = signers["ES256"].key
    header = {"alg": "ES256", "kid": "k-ES256"}
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    for name, sign in {
        "zeros": lambda _: b"\0" * 64,
        "order": lambda _: order.to_bytes(32, "big") * 2,
        "one": lambda _: b"\0" * 31 + b"\1" + b"\0" * 31 + b"\1",
        "DER": lambda text: ours.sign(text, ec.ECDSA(hashes.SHA256())),
        "DER of zeros": lambda _: b"\x30\x06\x02\x01\0\x02\x01\0",
        "empty": lambda _: b"",
        "long": lambda _: b"\1" * 6000,
        "short": lambda _: b"\1" * 63,
    }.items():
        yield f"ES256 {name}", by_hand(header, body_of(), sign)
    header = {"alg": "EdDSA", "kid": "k-EdDSA"}
    for name, sign in (("zeros", b"\0" * 64), ("one", b"\1" + b"\0" * 63), ("long", b"\0" * 65)):
        yield f"EdDSA {name}", by_hand(header, body_of(), lambda _, sign=sign: sign)
    header = {"alg": "RS256", "kid": "k-RS256"}
    size = signers["RS256"].key.key_size // 8
    for name, sign in (("zeros", b"\0" * size), ("ones", b"\xff" * size), ("one", b"\1")):
        yield f"RS256 {name}", by_hand(header, body_of(), lambda _, sign=sign: sign)
    yield "PS256", by_hand({**header, "alg": "PS256"}, body_of(), rsa_signed(signers["RS256"]))
    swapped = {"alg": "EdDSA", "kid": "k-RS256"}
    yield "RS as EdDSA", by_hand(swapped, body_of(), rsa_signed(signers["RS256"]))


def texts_that_are_none(signers):
    good = signers["RS256"].token(**ALL)
    head, body, signature = good.split(".")
    yield "padded", f"{head}==.{body}.{signature}"
    yield "trailing dot", f"{good}."
    yield "five parts", f"{good}.{body}.{signature}"
    yield "leading dot", f".{good}"
    yield "empty body", f"{head}..{signature}"
    other = b64(body_of().encode())
    yield "claims changed, and blanks", f"{head}.{other[:8]}    {other[8:]}.{signature}"
    yield "other alphabet", f"{head}.{body}.{signature[:-2]}+/"
    yield "body in capitals", f"{head}.{body.upper()}.{signature}"
    yield "two bodies", f"{head}.{body}{body}.{signature}"
    yield "quoted", f'"{good}"'
    yield "JSON form", json.dumps({"payload": body, "signatures": [{"signature": signature}]})
    yield "huge", f"{head}.{'A' * 12_000}.{signature}"
    yield "dots", "." * 5000
    yield "not in the last bits", good[:-1] + chr(ord(good[-1]) ^ 1)


def claims_that_do_not_hold(signers):
    sign, header = rsa_signed(signers["RS256"]), {"alg": "RS256", "kid": "k-RS256"}
    now = int(time.time())
    for name, value in [
        ("exp", 0), ("exp", -1), ("exp", now - 61), ("exp", "9999999999"), ("exp", None),
        ("exp", [now + 60]), ("exp", True), ("exp", {}), ("nbf", now + 200), ("nbf", "0"),
        ("iss", "https://id.example/"), ("iss", "https://id.example.evil"), ("iss", None),
        ("iss", "HTTPS://ID.EXAMPLE"), ("iss", ["https://id.example"]), ("iss", ""),
        ("aud", "ringcastx"), ("aud", "Ringcast"), ("aud", "*"), ("aud", ["other"]), ("aud", []),
        ("aud", None), ("aud", {"ringcast": 1}), ("aud", [["ringcast"]]), ("aud", "ringcast,other"),
        ("aud", "ringcast\0"), ("aud", ""),
    ]:  # fmt: skip
        yield f"{name} {value!r}", by_hand(header, body_of(**{name: value}), sign)
    good = body_of()
    for name, text in {
        "exp overflow": good.replace('"exp": ', '"exp": 1e999, "x": '),
        "exp NaN": good.replace('"exp": ', '"exp": NaN, "x": '),
        "no object": "[]",
        "no JSON": good[:-1],
        "two objects": good + good,
        "deep": good[:-1] + ', "x": ' + "[" * 3000 + "]" * 3000 + "}",
    }.items():
        yield name, by_hand(header, text, sign)


FAMILIES = {
    "alg none": lambda signers: algorithm_none(),
    "public keys as secrets": public_keys_as_secrets,
    "keys brought along": keys_brought_along,
    "signatures": signatures_that_are_none,
    "texts": texts_that_are_none,
    "claims": claims_that_do_not_hold,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_forged_tokens_grant_nothing(server, signers, family):
    tokens = dict(FAMILIES[family](signers))
    taken = {}
    with wire.Connection(server.port) as connection:
        for name, token in tokens.items():
            answer = connection.request("POST", "/api/events/forged", bearer(token), "x")
            if answer.status != 401 or FOUND_OUT not in answer.get("WWW-Authenticate"):
                taken[name] = answer
    assert not taken
    BAIT.settimeout(0.01)
    with pytest.raises(TimeoutError):  # nobody has come to fetch a key
        BAIT.accept()
    assert publish(server.port, "own", bearer(signers["RS256"].token(**ALL))).status == 200


def test_a_token_has_one_form(server, signers):
    """The same signed claims, written otherwise: base64url without padding is the only form."""
    head, body, signature = signers["RS256"].token(**ALL).split(".")
    forms = (f"{head}.{body[:8]}    {body[8:]}.{signature}", f"{head}.{body}.{signature}==")
    assert [publish(server.port, "form", bearer(form)).status for form in forms] == [401, 401]


def test_a_claim_twice_is_no_way_around_its_check(server, signers):
    """Signed as it is, so nobody forged it; but two readers could read two tokens."""
    sign, header = rsa_signed(signers["RS256"]), {"alg": "RS256", "kid": "k-RS256"}
    old = f'"exp": {int(time.time()) - 100}'
    new = f'"exp": {int(time.time()) + 100}'
    grant = json.dumps(ALL["ringcast"])
    rest = f'"iss": "https://id.example", "aud": "ringcast", "ringcast": {grant}'
    statuses = []
    for text in (f"{{{old}, {new}, {rest}}}", f"{{{new}, {old}, {rest}}}"):
        statuses.append(publish(server.port, "twice", bearer(by_hand(header, text, sign))).status)
    assert 401 in statuses, "an expired claim counts in one of the two orders at least"


def test_the_first_place_counts(server, signers):
    """A good token behind a bad one does not count, wherever the two stand."""
    good, bad = signers["RS256"].token(**ALL), signers["RS256"].token(**ALL, aud="other")
    own = {"Authorization": f"Bearer {good}"}
    places = [
        lambda token: {"Authorization": f"Bearer {token}"},
        lambda token: {"X-API-Key": token},
        lambda token: {"Cookie": f"ringcast_token={token}"},
    ]
    for number, place in enumerate(places):
        for later in places[number + 1 :]:
            headers = {**place(bad), **later(good)}
            assert publish(server.port, "places", headers.items()).status == 401, headers
        assert publish(server.port, "q", place(bad).items(), f"?token={good}").status == 401
    assert publish(server.port, "places", own.items(), "?token=x").status == 200
    for fields, query in (
        ([("Authorization", f"Bearer {bad}"), ("Authorization", f"Bearer {good}")], ""),
        ([("X-API-Key", "guess-guess-guess"), ("X-API-Key", KEY)], ""),
        ([("Authorization", f"Bearer {bad}, Bearer {good}")], ""),
        ([("Authorization", f"Basic {base64.b64encode(good.encode()).decode()}")], ""),
        ([("Authorization", good)], ""),
        ([("Authorization", "Bearer")], ""),
        ([("Authorization", "Bearer ")], ""),
        ([], f"?token={bad}&token={good}"),
        ([("Cookie", f"ringcast_token={bad}; ringcast_token={good}")], ""),
        ([("Cookie", f"Ringcast_Token={good}")], ""),
        ([("Cookie", f"x=ringcast_token={good}")], ""),
        ([("Proxy-Authorization", f"Bearer {good}")], ""),
        ([("X-Access-Token", good)], ""),
    ):
        assert publish(server.port, "places", fields, query).status in (400, 401), fields


def test_a_flood_of_tokens_is_not_kept(server, signers):
    """What is known of a token is bounded, whatever number comes: those that came long ago go."""
    header, signs = {"alg": "HS256", "kid": "k-HS256"}, (secret(SECRET), secret(b"no"))

    def flood(numbers):
        before = anonymous_bytes(server)
        for start in range(numbers.start, numbers.stop, 200):
            requests = b""
            for number in range(start, start + 200):
                text = body_of(sub=f"user-{number}-{'x' * 500}")
                fields = bearer(by_hand(header, text, signs[number % 4 == 0]))
                requests += wire.encode("GET", "/api/topics", fields)
            connection.send(requests)
            for number in range(200):
                assert connection.response().status == (401 if number % 4 == 0 else 200)
        return anonymous_bytes(server) - before

    with wire.Connection(server.port) as connection:
        grown = flood(range(0, 16_000))  # 12,000 of them are good: more than are kept
        assert grown < 32 << 20
        assert flood(range(16_000, 32_000)) < grown / 4


def ways_to_ask(port, key):
    yield lambda: wire.request(port, "GET", "/api/topics", key | {"X-API-Key": "guess-" * 4}).status
    yield lambda: opens(port, "metrics.cpu", [*key.items(), ("X-API-Key", "guess-" * 4)])
    yield lambda: publish(port, "a", [*key.items(), ("Authorization", "Bearer guessed-it")]).status
    yield lambda: publish(port, "a", [*key.items(), ("Cookie", "ringcast_token=guess")]).status
    yield lambda: opens(port, "a", key.items(), "&token=guess-guess-guess")

    def websocket():
        with wire.Connection(port) as connection:
            connection.send(ws_wire.handshake(key.items(), "/ws?token=guess-guess-guess"))
            return connection.response_head().status

    def mcp():
        with wire.Connection(port) as connection:
            fields = [*key.items(), ("X-API-Key", "guess-guess-guess")]
            return mcp_wire.post(connection, mcp_wire.message("ping"), fields).status

    yield websocket
    yield mcp


def test_guessing_keys_has_a_rate_wherever_it_is_tried(start, tmp_path):
    access = tmp_path / "access.yaml"
    hashed = hashlib.sha256(KEY.encode()).hexdigest()
    access.write_text(f"keys: {{a: {{hash: 'sha256:{hashed}', subscribe: ['*']}}}}\n")
    server = start(f"auth: {{access: {access}}}\nlimits: {{auth_failures_per_minute: 14}}\n")
    seen = []
    for _ in range(3):
        for ask in ways_to_ask(server.port, {"X-Forwarded-For": "192.0.2.66"}):
            seen.append(ask())
    assert seen == [401] * 14 + [429] * 7, "each way counts, and all together"
    right = {"X-Forwarded-For": "192.0.2.66", "X-API-Key": KEY}
    assert wire.request(server.port, "GET", "/api/topics", right).status == 200
