"""The one settings module, and the only reader of the environment (through bidiq.env).

With no variable set at all the site works on one machine; each variable adds a part.
"""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url
import django_stubs_ext

from bidiq import env, redis_url

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"


DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY")
#: Whether SECRET_KEY was given; several machines must share one (bidiq.W001).
BIDIQ_SECRET_KEY_GIVEN = bool(SECRET_KEY)
SECRET_KEY = SECRET_KEY or env.kept_key(VAR_DIR / "secret_key")
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS",
    ("localhost", "127.0.0.1", "[::1]"),
    pattern=r"[^\s/]+",
    expected="host names without a scheme",
)
CSRF_TRUSTED_ORIGINS = env.words(
    "CSRF_TRUSTED_ORIGINS", pattern=r"https?://[^\s/]+", expected="https://host"
)
BIDIQ_DEMO = env.boolean("BIDIQ_DEMO", False)

INSTALLED_APPS = [
    "daphne",  # before staticfiles: replaces runserver by an ASGI one
    "bidiq.apps.BidiqConfig",  # before auth: its createsuperuser migrates first
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "servestatic",
    "channels",
    "csp",
    "ninja",  # serves the API docs' scripts itself, so that the CSP holds
    "searches.apps.SearchesConfig",
    "exports.apps.ExportsConfig",
]

# Every one of these is async: a single sync middleware would put each open stream on a thread.
MIDDLEWARE = [
    "bidiq.health.probes_answered",
    # Before all that answers by itself: static files and refusals have these headers, too.
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "bidiq.errors.methods_refused_in_words",
    "bidiq.headers.kept_by_nobody",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

ROOT_URLCONF = "bidiq.urls"
ASGI_APPLICATION = "bidiq.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "bidiq.context.site",
            ],
        },
    },
]

# --- Database ---------------------------------------------------------------------------------

_database_url = env.url("DATABASE_URL", schemes=("postgres", "postgresql", "sqlite"))
_sqlite_file = VAR_DIR / ("demo.sqlite3" if BIDIQ_DEMO else "bidiq.sqlite3")
try:
    _database: dict[str, Any] = dict(
        dj_database_url.parse(_database_url or f"sqlite:///{_sqlite_file}", conn_max_age=0)
    )
except ValueError:
    raise env.BadEnvironment("DATABASE_URL", "postgres://… or sqlite:///…") from None
if _database["NAME"] in ("", ":memory:"):  # each thread and process would have one of its own
    raise env.BadEnvironment("DATABASE_URL", "a URL that names the database")
BIDIQ_ON_POSTGRESQL = _database["ENGINE"].endswith("postgresql")
_pool_size = env.integer("BIDIQ_DATABASE_POOL_SIZE", 10, minimum=2, maximum=200)
_options: dict[str, Any] = _database.setdefault("OPTIONS", {})
if BIDIQ_ON_POSTGRESQL:
    _options["pool"] = {
        "min_size": 0,
        "max_size": _pool_size,
        "timeout": 5,
        # The pool's pause between attempts doubles without end: give up early, so that the next
        # request tries at once when PostgreSQL is back.
        "reconnect_timeout": 4,
        # Each connection that died with the server costs whoever is handed it a pause: keep few.
        "max_idle": 30,
    }
    _options.setdefault("connect_timeout", 5)
    # A server that died without a word (power, network, failover) is noticed within ten seconds,
    # on connections that wait for it and on those that rest in the pool, and not when the system
    # gives up, after a quarter of an hour or never. The workers' queue has the same options.
    _options.setdefault("tcp_user_timeout", 10_000)  # milliseconds
    _options.setdefault("keepalives_idle", 3)
    _options.setdefault("keepalives_interval", 1)
    _options.setdefault("keepalives_count", 7)
    # A process that was frozen or cut off in the middle of a transaction would keep the rows that
    # it locked for ever, and its search from being given to another worker. Ours think for
    # milliseconds between two statements; ten seconds of nothing end within SILENCE_SECONDS.
    _options["options"] = (
        f"-c idle_in_transaction_session_timeout=10s {_options.get('options', '')}".rstrip()
    )
    # A pooled connection may have died with the server: check it when it is handed out.
    _database["CONN_HEALTH_CHECKS"] = True
    # The queue of the workers. Its tables exist only here, so that SQLite needs no service.
    INSTALLED_APPS.append("procrastinate.contrib.django")
else:
    if _options:
        raise env.BadEnvironment("DATABASE_URL", "sqlite:///… without ? and what follows")
    _options |= {
        # A reading transaction that turns into a writing one would fail at once with "locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # What is sorted goes to disk when it is more than the cache may be: not temp_store=MEMORY,
        # which would hold the whole result of a search while its file is written.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
        "PRAGMA cache_size=-32000;",
    }
    # A file also for the tests: several threads and processes look at it.
    _database["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
    VAR_DIR.mkdir(exist_ok=True)
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Channel layer: a doorbell, the database is the truth -----------------------------------------

REDIS_URL = redis_url.checked(env.url("REDIS_URL", schemes=("redis", "rediss", "unix")))
if REDIS_URL:
    CHANNEL_LAYERS: dict[str, Any] = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {
                "hosts": [
                    {
                        "address": REDIS_URL,
                        # redis-py 8 would default to 5 s (channels_redis#422): say it ourselves.
                        "socket_timeout": 30,
                        "socket_connect_timeout": 2,
                        "health_check_interval": 10,
                        # A socket of the same machine knows no such thing.
                        **({} if REDIS_URL.startswith("unix:") else {"socket_keepalive": True}),
                    }
                ],
                "prefix": "bidiq",
            },
        }
    }
else:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            "CONFIG": {"capacity": 10_000},
        }
    }

# --- Storage of Excel files --------------------------------------------------------------------

AWS_STORAGE_BUCKET_NAME = env.matching(
    "AWS_STORAGE_BUCKET_NAME", r"[A-Za-z0-9._-]{3,63}", expected="the name of a bucket"
)
#: Read without a bucket, too: what cannot be used is said now, and not when the bucket comes;
#: bidiq.W006 says when an endpoint does nothing.
AWS_S3_ENDPOINT_URL = env.url("AWS_S3_ENDPOINT_URL", schemes=("http", "https"))
_public_endpoint_url = env.url("AWS_S3_PUBLIC_ENDPOINT_URL", schemes=("http", "https"))
_region_name = env.matching(
    "AWS_S3_REGION_NAME", r"[A-Za-z0-9-]{1,60}", expected="the name of a region"
)
_access_key, _secret_key = env.text("AWS_ACCESS_KEY_ID"), env.text("AWS_SECRET_ACCESS_KEY")
BIDIQ_SIGNED_URL_SECONDS = env.integer(
    "BIDIQ_SIGNED_URL_SECONDS", 3600, minimum=1, maximum=7 * 86400
)
BIDIQ_EXPORT_RETENTION_DAYS = env.integer(
    "BIDIQ_EXPORT_RETENTION_DAYS", 30, minimum=0, maximum=36500
)
#: A file that fell back to the database may not be larger than this.
BIDIQ_DATABASE_FILE_LIMIT_BYTES = 50 * 1024 * 1024
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "database": {"BACKEND": "exports.storage.DatabaseStorage"},
}
if AWS_STORAGE_BUCKET_NAME:
    STORAGES["object_storage"] = {
        "BACKEND": "exports.storage.ObjectStorage",
        "OPTIONS": {
            "bucket_name": AWS_STORAGE_BUCKET_NAME,
            "endpoint_url": AWS_S3_ENDPOINT_URL or None,
            "public_endpoint_url": _public_endpoint_url or None,
            "region_name": _region_name or "us-east-1",
            "access_key": _access_key or None,
            "secret_key": _secret_key or None,
            "querystring_expire": BIDIQ_SIGNED_URL_SECONDS,
        },
    }

# --- The source and the searches ------------------------------------------------------------------

_official_pncp = "https://pncp.gov.br/api/consulta"
#: "" in a demonstration that is given no source: who asks has a simulator of its own
#: (searches.pncp.demo).
PNCP_BASE_URL = env.url(
    "PNCP_BASE_URL", "" if BIDIQ_DEMO else _official_pncp, schemes=("http", "https")
)
_is_official = urlsplit(PNCP_BASE_URL).hostname == urlsplit(_official_pncp).hostname
if BIDIQ_DEMO and _is_official:  # each page would say that what it shows is invented
    raise env.BadEnvironment("BIDIQ_DEMO", "false, or no PNCP_BASE_URL of the real PNCP beside it")
#: What the store calls the source when that is not its address: a demonstration's simulators have
#: other ports at each start, and the same notices.
BIDIQ_SOURCE_NAME = "demo" if BIDIQ_DEMO else ""
#: The ceiling of the adaptive rate. The real API bears 10 to 16 requests a minute; a server that
#: the operator chose himself is only held back by its own 429.
PNCP_RATE_PER_MINUTE = env.number(
    "PNCP_RATE_PER_MINUTE",
    16 if _is_official else 6000,
    minimum=1,
    maximum=100_000,
)
PNCP_CONCURRENCY = env.integer("PNCP_CONCURRENCY", 4 if _is_official else 8, minimum=1, maximum=64)
PNCP_TIMEOUT_SECONDS = env.number("PNCP_TIMEOUT_SECONDS", 60, minimum=0.1, maximum=600)
BIDIQ_SEARCHES_PER_MINUTE = env.integer("BIDIQ_SEARCHES_PER_MINUTE", 10, minimum=1, maximum=100_000)
BIDIQ_LOGIN_REQUIRED = env.boolean("BIDIQ_LOGIN_REQUIRED", False)
BIDIQ_RUNNER = env.choice(
    "BIDIQ_RUNNER", "worker" if BIDIQ_ON_POSTGRESQL else "inline", ("inline", "worker")
)
#: How many searches one process runs at once; the others wait.
BIDIQ_SEARCHES_AT_ONCE = env.integer("BIDIQ_SEARCHES_AT_ONCE", 16, minimum=1, maximum=1000)

# --- Accounts and sessions ----------------------------------------------------------------

LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "searches:form"
LOGOUT_REDIRECT_URL = "searches:form"
SESSION_ENGINE = "searches.sessions"
#: An anonymous visitor's history lives as long as its cookie, which looking at it renews
#: (searches.access.renew_session).
SESSION_COOKIE_AGE = 90 * 86400
#: The life of every link in a mail: to a new password, and those that confirm an address.
PASSWORD_RESET_TIMEOUT = 3 * 86400
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# --- Security ----------------------------------------------------------------------------------

#: True when the site is reached by https only (a proxy in front sets X-Forwarded-Proto).
BIDIQ_HTTPS = env.boolean("BIDIQ_HTTPS", False)
if BIDIQ_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BIDIQ_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "bidiq.errors.csrf_failure"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- Language, static files, logs ---------------------------------------------------------

LANGUAGE_CODE = "pt-br"
TIME_ZONE = "America/Sao_Paulo"
USE_TZ = True
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
SERVESTATIC_USE_FINDERS = True  # straight from the apps: no collectstatic step to forget
SERVESTATIC_ALLOW_ALL_ORIGINS = False
SERVESTATIC_MAX_AGE = 60

DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- E-mail --------------------------------------------------------------------------------------

#: Where people reach the site: links in mails are made of it, never of what a client sends.
BIDIQ_PUBLIC_URL = env.url("BIDIQ_PUBLIC_URL", schemes=("http", "https"))
#: Whether it was given; if not, `serve` puts its own port here, which only it knows.
BIDIQ_PUBLIC_URL_GIVEN = bool(BIDIQ_PUBLIC_URL)
BIDIQ_PUBLIC_URL = BIDIQ_PUBLIC_URL or "http://127.0.0.1:8000"
DEFAULT_FROM_EMAIL = (
    env.matching(
        "DEFAULT_FROM_EMAIL",
        r"""[^<>@,;\s]+@[^<>@,;\s]+|("[^"\r\n]*"|[^<>@,;"\r\n]*)<[^<>@,;\s]+@[^<>@,;\s]+>""",
        expected="an address, alone or as Name <address>",
    )
    or "bidiq <nao-responda@localhost>"
)
EMAIL_TIMEOUT = 15
_email = urlsplit(env.url("EMAIL_URL", schemes=("smtp", "smtps")))
if _email.hostname:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_USE_SSL = _email.scheme == "smtps"
    EMAIL_HOST = _email.hostname
    EMAIL_PORT = _email.port or (465 if EMAIL_USE_SSL else 587)
    #: Passwords and addresses do not travel in the clear; a server on this machine may have none.
    EMAIL_USE_TLS = not EMAIL_USE_SSL and EMAIL_HOST not in {"localhost", "127.0.0.1", "::1"}
    EMAIL_HOST_USER = unquote(_email.username or "")
    EMAIL_HOST_PASSWORD = unquote(_email.password or "")
else:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

LOG_FORMAT = env.choice("LOG_FORMAT", "text", ("text", "json"))
LOG_LEVEL = env.choice(
    "LOG_LEVEL", "info", ("debug", "info", "warning", "error", "critical")
).upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "search_id": {"()": "bidiq.logs.SearchIdFilter"},
        "database_away": {"()": "searches.database.AwayFilter"},
        "client_fault": {"()": "bidiq.logs.ClientFaultFilter"},
    },
    "formatters": {
        "text": {"()": "bidiq.logs.TextFormatter"},
        "json": {"()": "bidiq.logs.JsonFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["search_id"],
            "stream": sys.stderr,
        }
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Libraries that would put addresses, signed URLs or bodies into the log.
        "boto3": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        "django.server": {"level": "WARNING"},
        "django.channels.server": {"level": "WARNING"},
        "procrastinate": {"level": "WARNING"},
        # A traceback a second while Redis is away: live.py says it once a minute.
        "channels_redis": {"level": "CRITICAL"},
        "psycopg.pool": {"level": "ERROR"},
        "django.request": {"filters": ["database_away", "client_fault"]},
        # Strangers' nonsense is answered with 400; a traceback for each would fill the log.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "django.security.TooManyFieldsSent": {"level": "CRITICAL"},
        "django.security.RequestDataTooBig": {"level": "CRITICAL"},
    },
}
OTEL_EXPORTER_OTLP_ENDPOINT = env.url("OTEL_EXPORTER_OTLP_ENDPOINT", schemes=("http", "https"))
