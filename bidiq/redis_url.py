"""What a REDIS_URL may say after its ?; redis-py takes more, and fails only when it is used."""

import re
import ssl
from urllib.parse import parse_qsl, urlsplit

import redis

from bidiq import env

_NAME = "REDIS_URL"
_NUMBER, _COUNT = r"[0-9]{1,9}", r"[1-9][0-9]{0,8}"
_SECONDS = r"[1-9][0-9]{0,5}(\.[0-9]{1,3})?|0\.[0-9]{0,2}[1-9]"
_BOOLEAN = r"(?i:true|false|yes|no|1|0)"  # redis-py takes all that is not false for true
_TEXT = r".+"
#: Option -> what its whole value is.
OPTIONS = {
    "db": _NUMBER,
    "username": _TEXT,
    "password": _TEXT,
    "client_name": r"[!-~]+",
    "health_check_interval": _NUMBER,
    "max_connections": _COUNT,
    "socket_timeout": _SECONDS,
    "socket_connect_timeout": _SECONDS,
    "socket_keepalive": _BOOLEAN,
    "ssl_cert_reqs": r"none|optional|required",
    "ssl_check_hostname": _BOOLEAN,
    "ssl_ca_certs": _TEXT,
    "ssl_certfile": _TEXT,
    "ssl_keyfile": _TEXT,
}


def checked(url: str) -> str:
    """Return a URL, or "". Raises BadEnvironment for what Redis could not be reached by."""
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme != "unix" and not re.fullmatch(r"/?[0-9]*", parts.path, re.ASCII):
        raise env.BadEnvironment(_NAME, "redis://host:port/NUMBER")
    if parts.fragment:
        raise env.BadEnvironment(_NAME, "a URL without #")
    given = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(given)
    if unknown := ", ".join(name for name in options if name not in OPTIONS):
        known = ", ".join(OPTIONS)
        raise env.BadEnvironment(_NAME, f"after the ? only {known}, and not {unknown}")
    if len(options) < len(given):
        raise env.BadEnvironment(_NAME, "each option after the ? once")
    for name, value in given:
        if not re.fullmatch(OPTIONS[name], value):
            raise env.BadEnvironment(_NAME, f"another value of {name}")
    try:  # opens no connection; ssl_… of one that is none are refused here
        redis.ConnectionPool.from_url(url).make_connection()
    except (ValueError, TypeError, redis.RedisError):
        raise env.BadEnvironment(_NAME, "options that go with its scheme") from None
    _require_files(options)
    return url


def _require_files(options: dict[str, str]) -> None:
    """Load the certificates as redis-py will; a key that asks for a password cannot be used."""
    certificate, key = options.get("ssl_certfile"), options.get("ssl_keyfile")
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        if certificate:
            context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError):
        raise env.BadEnvironment(_NAME, "readable certificates in its ssl_… files") from None
    if key and not certificate:
        raise env.BadEnvironment(_NAME, "ssl_certfile beside ssl_keyfile")
