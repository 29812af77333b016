"""ringcast as it is exposed to the world: tokens that are signed, rates of clients and keys, pages
of another origin. The load then shows a token and says which page it is."""

import base64
import json
import time

import jwt
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

ISSUER = "https://id.example"
ORIGIN = "https://app.example"
CONFIG = """\
auth: {{access: {folder}/access.yaml}}
cors: {{origins: ["{origin}"]}}
net: {{trusted_proxies: []}}
limits:
  exempt: []
  max_streams_per_client: 100000
  max_connections_per_client: 100000
  requests_per_minute: 100
  requests_per_minute_per_key: 100000000
"""


def base64url(number):
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()


def prepare(folder):
    """Writes the configuration; returns the server's further arguments, and headers of requests."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_numbers()
    shown = {"kty": "EC", "crv": "P-256", "kid": "1", "alg": "ES256"}
    shown |= {"x": base64url(public.x), "y": base64url(public.y)}
    (folder / "jwks.json").write_text(json.dumps({"keys": [shown]}))
    rules = {"jwks": str(folder / "jwks.json"), "issuer": ISSUER, "audience": ["ringcast"]}
    (folder / "access.yaml").write_text(yaml.safe_dump({"jwt": rules}))
    (folder / "ringcast.yaml").write_text(CONFIG.format(folder=folder, origin=ORIGIN))
    claims = {"iss": ISSUER, "aud": "ringcast", "sub": "load", "exp": int(time.time()) + 3600}
    claims["ringcast"] = {"publish": ["*"], "subscribe": ["*"]}
    token = jwt.encode(claims, key, algorithm="ES256", headers={"kid": "1"})
    headers = {"Authorization": f"Bearer {token}", "Origin": ORIGIN}
    return ["--config", str(folder / "ringcast.yaml")], headers
