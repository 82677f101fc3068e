"""Verification of an ID token: pure functions over PyJWT, no request and no setting.

The rules are those of OpenID Connect Core 1.0, section 3.1.3.7.
"""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import jwt
from django.utils.translation import gettext as _

from accounts.oidc.errors import TokenRefused

# Signatures of the provider's private key only. HS256 would take the public key for a secret.
ALGORITHMS = {"RS256": "RSA", "ES256": "EC"}
REQUIRED = ["iss", "sub", "aud", "exp", "iat"]
LEEWAY = 30  # seconds that two clocks may differ
MAX_SUBJECT = 255  # characters, by the protocol
REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "expired",
    jwt.InvalidIssuerError: "wrong_issuer",
    jwt.InvalidAudienceError: "wrong_audience",
    jwt.InvalidAlgorithmError: "wrong_algorithm",
    jwt.MissingRequiredClaimError: "missing_claim",
    jwt.ImmatureSignatureError: "not_yet_valid",
}


class UnknownKeyError(Exception):
    """None of the keys given has signed this token; a newer list may hold the one that did."""


def refused(code: str) -> TokenRefused:
    """The error to raise: one sentence for people, `code` for the log."""
    return TokenRefused(
        code,
        _(
            "The sign-in provider's answer could not be verified (%(code)s)."
            " Begin again; if it happens again, tell your administrator."
        )
        % {"code": code.replace("_", " ")},
    )


def verify_id_token(
    token: object,
    keys: Iterable[Mapping[str, Any]],
    *,
    issuer: str,
    audience: str,
    nonce: str,
) -> dict[str, Any]:
    """Return the claims of an ID token that is genuine, current, for `audience` and asked for.

    `keys` are the provider's JWKs, `nonce` is the one sent with the request. Raises `TokenRefused`,
    and `UnknownKeyError` where another list of keys may help.
    """
    try:
        claims = _decode(token, keys, issuer, audience)
    except (jwt.PyJWTError, RecursionError) as error:
        raise refused(REASONS.get(type(error), "not_genuine")) from error
    _check_authorized_party(claims, audience)
    _check_nonce(claims, nonce)
    _check_subject(claims)
    return claims


def _decode(
    token: object, keys: Iterable[Mapping[str, Any]], issuer: str, audience: str
) -> dict[str, Any]:
    if not isinstance(token, str):
        raise refused("missing")
    return jwt.decode(
        token,
        _key_of(jwt.get_unverified_header(token), keys),
        algorithms=list(ALGORITHMS),
        issuer=issuer,
        audience=audience,
        leeway=LEEWAY,
        options={"require": REQUIRED, "enforce_minimum_key_length": True},
    )


def _key_of(header: Mapping[str, Any], keys: Iterable[Mapping[str, Any]]) -> jwt.PyJWK:
    """The key that the header names; without a name the only one of its kind."""
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise refused("wrong_algorithm")
    fitting = [key for key in keys if _fits(key, algorithm, header.get("kid"))]
    if len(fitting) != 1:
        raise UnknownKeyError
    return jwt.PyJWK(dict(fitting[0]), algorithm=algorithm)


def _fits(key: Mapping[str, Any], algorithm: str, kid: str | None) -> bool:
    return (
        key.get("kty") == ALGORITHMS[algorithm]
        and key.get("alg", algorithm) == algorithm
        and key.get("use", "sig") == "sig"
        and (kid is None or key.get("kid") == kid)
    )


def _check_authorized_party(claims: Mapping[str, Any], audience: str) -> None:
    """A token for several audiences says which of them asked for it (`azp`)."""
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (several or "azp" in claims) and claims.get("azp") != audience:
        raise refused("wrong_authorized_party")


def _check_nonce(claims: Mapping[str, Any], nonce: str) -> None:
    given = claims.get("nonce")
    if not nonce or not isinstance(given, str):
        raise refused("missing_nonce")
    if not secrets.compare_digest(given.encode(errors="surrogatepass"), nonce.encode()):
        raise refused("wrong_nonce")


def _check_subject(claims: Mapping[str, Any]) -> None:
    subject = claims["sub"]
    if not (0 < len(subject) <= MAX_SUBJECT and subject.isascii() and subject.isprintable()):
        raise refused("bad_subject")
