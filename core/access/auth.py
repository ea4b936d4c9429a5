"""Who is calling: signed requests, or a key from a known address (P3). A wrong or stale proof is 401 without detail."""

import base64
import hashlib
import hmac
import ipaddress
import logging
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from core.access import keys
from core.access.models import ApiClient, ApiKey
from core.lib import clock, signing

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

logger = logging.getLogger(__name__)

CACHE_SECONDS = 5.0  # how long a revoked key may go on working
_MAX_KEY_ID = 32
_MAX_NONCE = 64
_MIN_NONCE = 16


class NotAuthenticated(Exception):
    """The caller could not prove who it is. Says no more, on purpose."""


_PLAIN = re.compile(r"[A-Za-z0-9/._~-]*")
_ESCAPED = re.compile(r"%[0-9A-F]{2}")


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated client; `nonce` must still be remembered by the statement that acts (see remember_sql)."""

    client_id: int
    name: str
    key_id: str
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class _Credential:
    client_id: int
    name: str
    kind: str
    proof: str
    digest: bytes
    networks: "tuple[IPv4Network | IPv6Network, ...]"


_cache: dict[str, tuple[float, _Credential | None]] = {}


def forget_cached() -> None:
    """Drop cached credentials (tests; a process forgets by itself after CACHE_SECONDS)."""
    _cache.clear()


def _credential(key_id: str) -> _Credential | None:
    if not _is_formed(key_id):
        return None
    cached = _cache.get(key_id)
    now = time.monotonic()
    if cached and now - cached[0] < CACHE_SECONDS:
        return cached[1]
    key = ApiKey.objects.select_related("client").filter(key_id=key_id, revoked_at=None, client__is_active=True).first()
    found = None
    if key is not None:
        client = key.client
        found = _Credential(
            client.pk, client.name, client.kind, client.proof, bytes(key.digest), _networks(client.networks)
        )
    if len(_cache) > 10_000:  # unknown key ids must not fill the memory
        _cache.clear()
    _cache[key_id] = (now, found)
    return found


def _is_formed(key_id: str) -> bool:
    return key_id.isascii() and key_id.isalnum() and len(key_id) <= _MAX_KEY_ID


def _networks(texts: list[str]) -> "tuple[IPv4Network | IPv6Network, ...]":
    """Read the list; one that cannot be read shuts the client out, as none at all would let it in from anywhere."""
    try:
        return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts)
    except ValueError:
        logger.warning("An API client's addresses cannot be read; it is shut out.")
        return (ipaddress.ip_network("255.255.255.255/32"),)


def client_address(request: HttpRequest) -> str:
    """The caller's address; behind TRUSTED_PROXIES proxies, the one that the outermost of them saw."""
    remote = str(request.META.get("REMOTE_ADDR", ""))
    if not settings.TRUSTED_PROXIES:
        return remote
    chain = [part.strip() for part in str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",") if part.strip()]
    return chain[-settings.TRUSTED_PROXIES] if len(chain) >= settings.TRUSTED_PROXIES else remote


def _is_allowed(credential: _Credential, request: HttpRequest) -> bool:
    """Whether the proof may come from there: a bare key from listed addresses only, but for partners'.

    Their software runs on tills and in clouds that cannot name an address, and what their keys open is their own. Such
    a key, which travels where a signature would not, is taken over HTTPS alone.
    """
    is_bare = credential.proof == ApiClient.Proof.KEY
    is_partner = credential.kind == ApiClient.Kind.PARTNER
    if is_bare and is_partner and not (request.is_secure() or settings.LOCAL):
        return False
    if not credential.networks:
        return is_partner or not is_bare
    try:
        address = ipaddress.ip_address(client_address(request))
    except ValueError:
        return False
    return any(address in network for network in credential.networks)


def by_signature(request: HttpRequest, kind: ApiClient.Kind, body: bytes) -> Caller:
    """Check a signed request (±300 s); its nonce is yet to be remembered.

    Raises NotAuthenticated: whatever is wrong.
    """
    meta = request.META
    key_id = meta.get("HTTP_X_SMART_KEY", "")
    timestamp = meta.get("HTTP_X_SMART_TIMESTAMP", "")
    nonce = meta.get("HTTP_X_SMART_NONCE", "")
    given = meta.get("HTTP_X_SMART_SIGNATURE", "")
    fits = _MIN_NONCE <= len(nonce) <= _MAX_NONCE and nonce.isascii() and nonce.isprintable()
    if not fits or not signing.is_fresh(timestamp, clock.machine().timestamp()):
        raise NotAuthenticated
    credential = _credential(key_id)
    if credential is None or credential.kind != kind or credential.proof != ApiClient.Proof.SIGNATURE:
        raise NotAuthenticated
    secret, method = keys.secret_of(key_id), request.method or ""
    wanted = (signing.sign(secret, method, path, timestamp, nonce, body) for path in _spellings(request))
    is_signed = any(hmac.compare_digest(one.encode(), given.lower().encode()) for one in wanted)
    if not is_signed or not _is_allowed(credential, request):
        raise NotAuthenticated
    return Caller(credential.client_id, credential.name, key_id, nonce)


def _spellings(request: HttpRequest) -> Iterator[str]:
    """The path as it may have been sent: servers hand it on decoded, and clients encode what they must or more."""
    yield request.get_full_path()
    if _PLAIN.fullmatch(request.path):
        return
    query = f"?{request.META['QUERY_STRING']}" if request.META.get("QUERY_STRING") else ""
    encoded = quote(request.path, safe="/")
    yield encoded + query
    yield _ESCAPED.sub(lambda escape: escape[0].lower(), encoded) + query
    yield request.path + query


def by_key(request: HttpRequest, kind: ApiClient.Kind) -> Caller:
    """Check a bare key ("key id" and secret by HTTP Basic, or X-Api-Key "id.secret") and where it comes from.

    Raises NotAuthenticated: whatever is wrong.
    """
    key_id, secret = _bare_key(request)
    credential = _credential(key_id)
    if credential is None or credential.kind != kind or credential.proof != ApiClient.Proof.KEY:
        raise NotAuthenticated
    digest = hashlib.sha256(secret.encode()).digest()
    if not hmac.compare_digest(digest, credential.digest) or not _is_allowed(credential, request):
        raise NotAuthenticated
    return Caller(credential.client_id, credential.name, key_id)


def key_id_of(request: HttpRequest) -> str:
    """The key that a request claims to come from, as far as it has the form of one; "" when it names none."""
    key_id = request.META.get("HTTP_X_SMART_KEY", "") or _bare_key(request)[0]
    return key_id if _is_formed(key_id) else ""


def _bare_key(request: HttpRequest) -> tuple[str, str]:
    header = request.META.get("HTTP_X_API_KEY", "")
    if header:
        key_id, _dot, secret = header.partition(".")
        return key_id, secret
    scheme, _space, encoded = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        key_id, _colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # no base64, or no text in it
        return "", ""
    return key_id, secret


def remember_nonce(caller: Caller) -> None:
    """Remember a signed request; raises NotAuthenticated when it was seen before."""
    if not caller.nonce:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO access_nonce (key_id, nonce, seen_at) VALUES (%s, %s, clock_timestamp())"
            " ON CONFLICT DO NOTHING",
            [caller.key_id, caller.nonce],
        )
        if cursor.rowcount != 1:
            raise NotAuthenticated


def forget_nonces() -> int:
    """Delete the nonces that no timestamp can still make fresh; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM access_nonce WHERE seen_at < clock_timestamp() - %s * interval '1 second'",
            [2 * signing.TOLERANCE_SECONDS + 60],
        )
        return cursor.rowcount
