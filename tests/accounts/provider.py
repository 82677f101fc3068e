"""A hostile OpenID Connect provider: a real HTTP server whose misbehaviour each test chooses.

It is correct until a test says otherwise: codes are used once, PKCE, client and redirect address
are checked. Everything that reached it stands in `requests`.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CLIENT = ("timetracker", "oidc-secret-of-the-tests")  # as in tests/settings.py
ALICE = {
    "sub": "subject-of-alice",
    "preferred_username": "alice",
    "given_name": "Alice",
    "family_name": "Liddell",
    "email": "alice@example.org",
    "email_verified": True,
}


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """A key of this name, made once: making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """The key of ES256."""
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    """The public key as text: what an attacker would sign HS256 with."""
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str) -> dict[str, Any]:
    """The public half as a JWK."""
    algorithms = jwt.algorithms.get_default_algorithms()
    name = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    return {
        **algorithms[name].to_jwk(key.public_key(), as_dict=True),
        "kid": kid,
        "use": "sig",
        "alg": name,
    }


def signed_rs256(claims: dict[str, Any]) -> str:
    """What a correct provider signs."""
    return jwt.encode(claims, rsa_key("first"), algorithm="RS256", headers={"kid": "first"})


@dataclass
class Request:
    """One request that reached the provider."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]


@dataclass
class Provider:
    """The provider; a test changes its attributes before it signs somebody in."""

    issuer: str = ""
    person: dict[str, Any] = field(default_factory=lambda: dict(ALICE))
    requests: list[Request] = field(default_factory=list)
    # What is wrong with it:
    changed_claims: dict[str, Any] = field(default_factory=dict)  # None takes a claim away
    changed_userinfo: dict[str, Any] = field(default_factory=dict)
    changed_document: dict[str, Any] = field(default_factory=dict)
    sign: Callable[[dict[str, Any]], str] = signed_rs256
    keys: list[dict[str, Any]] = field(
        default_factory=lambda: [jwk(rsa_key("first"), "first"), jwk(ec_key(), "elliptic")]
    )
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)  # path: what is said there
    hanging: dict[str, float] = field(default_factory=dict)  # path: seconds before the answer
    dripping: set[str] = field(default_factory=set)  # paths that send a byte now and then
    before_answer: Callable[[str], None] = lambda path: None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def asked(self, path: str) -> list[Request]:
        """The requests for a path, oldest first."""
        return [request for request in self.requests if request.path == path]

    def id_token(self, nonce: str) -> str:
        """A signed token about the person."""
        claims = {
            "iss": self.issuer,
            "aud": CLIENT[0],
            "iat": int(time.time()),
            "exp": int(time.time()) + 300,
            "nonce": nonce,
            **self.person,
            **self.changed_claims,
        }
        return self.sign({name: value for name, value in claims.items() if value is not None})

    # --- what it says ---

    def document(self, request: Request) -> dict[str, Any]:
        """The discovery document."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/end",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            **self.changed_document,
        }

    def authorize(self, request: Request) -> str:
        """Say yes at once: the address to send the browser back to."""
        asked = request.parameters
        assert asked["response_type"] == "code"
        code = secrets.token_urlsafe(12)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, request: Request) -> dict[str, Any]:
        """Exchange a code, once, for whoever proves to have asked for it."""
        given = request.parameters
        asked = self.codes.pop(given.get("code", ""), None)
        if asked is None or given["redirect_uri"] != asked["redirect_uri"]:
            raise Refused(400, "invalid_grant")
        if _client(request) != CLIENT:
            raise Refused(401, "invalid_client")
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked["code_challenge_method"] != "S256" or asked["code_challenge"] != challenge:
            raise Refused(400, "invalid_grant")
        return {
            "access_token": "access-token-of-the-tests",
            "token_type": "Bearer",
            "id_token": self.id_token(asked["nonce"]),
        }

    def userinfo(self, request: Request) -> dict[str, Any]:
        """The claims of the person whose access token this is."""
        if request.headers.get("authorization") != "Bearer access-token-of-the-tests":
            raise Refused(401, "invalid_token")
        return {**self.person, **self.changed_userinfo}

    def jwks(self, request: Request) -> dict[str, Any]:
        """The public keys."""
        return {"keys": self.keys}

    def end(self, request: Request) -> str:
        """End the provider's session and send the browser back."""
        return request.parameters["post_logout_redirect_uri"]


class Refused(Exception):  # noqa: N818 - the name of the thing
    """An error answer of the protocol."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


def _client(request: Request) -> tuple[str, str]:
    header = request.headers.get("authorization", "")
    if not header.startswith("Basic "):
        return request.parameters.get("client_id", ""), request.parameters.get("client_secret", "")
    name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    return unquote_plus(name), unquote_plus(secret)


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for the provider."""

    provider: Provider
    ROUTES = {  # noqa: RUF012
        "/.well-known/openid-configuration": "document",
        "/authorize": "authorize",
        "/token": "token",
        "/userinfo": "userinfo",
        "/jwks": "jwks",
        "/end": "end",
    }

    def do_GET(self) -> None:
        self._answer("GET", urlsplit(self.path).query)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self._answer("POST", self.rfile.read(length).decode())

    def _answer(self, method: str, parameters: str) -> None:
        path = urlsplit(self.path).path
        request = Request(
            method,
            path,
            {name: values[0] for name, values in parse_qs(parameters).items()},
            {name.lower(): value for name, value in self.headers.items()},
        )
        self.provider.requests.append(request)
        self.provider.before_answer(path)
        time.sleep(self.provider.hanging.get(path, 0))
        if path in self.provider.answers:
            self._send(*self.provider.answers[path])
            return
        try:
            said = getattr(self.provider, self.ROUTES[path])(request)
        except Refused as refusal:
            self._send(refusal.status, json.dumps({"error": str(refusal)}).encode())
            return
        if isinstance(said, str):
            self._send(302, b"", location=said)
        else:
            self._send(200, json.dumps(said).encode())

    def _send(self, status: int, body: bytes, location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        try:
            if urlsplit(self.path).path in self.provider.dripping:
                self._drip(body)
            self.wfile.write(body)
        except OSError:
            pass  # the site has given up

    def _drip(self, body: bytes) -> None:
        for byte in body[:100]:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.1)

    def log_message(self, *args: object) -> None:
        """Nothing: the tests' output is for the tests."""


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider that answers on the loopback interface until the end of the block."""
    provider = Provider()
    handler = type("BoundHandler", (Handler,), {"provider": provider})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield provider
        server.shutdown()
        thread.join()
