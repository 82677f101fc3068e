"""The settings of TimeTracker: one file, read from the environment and from `.env`.

Every variable is described where it is read; `docs/configuration.md` and `.env.example` are made
from these lines (`make docs`). A bad value stops the start with one line (`ConfigurationError`).
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from timetracker import __version__
from timetracker.environment import ConfigurationError, Environment

BASE_DIR = Path(__file__).resolve().parent.parent
LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
ROLES = ("admin", "manager", "user")


def env_file() -> Path | None:
    """Where variables are read from besides the process; `ENV_FILE=` (empty) reads none."""
    name = os.environ.get("ENV_FILE", ".env")
    return BASE_DIR / name if name else None


env = Environment(env_file())

# ---------------------------------------------------------------------------------------------
env.section("Site")
DEBUG = env.flag("DEBUG", False, "Show error pages with source code. Never on a server.")
SECRET_KEY = env.secret(
    "SECRET_KEY",
    "Signs sessions and links. Required unless DEBUG is on. Keep it secret.",
    at_least=32,
)
if not SECRET_KEY:
    if not DEBUG:
        raise ConfigurationError(
            "SECRET_KEY is not set; allowed: at least 32 random characters"
            " (`make run` writes some to .env; or set DEBUG=true to work on the project)."
        )
    SECRET_KEY = "insecure-key-of-a-developer-never-used-without-debug"  # noqa: S105 - no secret
HTTPS = env.flag(
    "HTTPS",
    True,
    "People reach the site over HTTPS: plain HTTP is redirected, HSTS sent, cookies kept to HTTPS.",
)
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS",
    LOOPBACK,
    "The host names under which the site answers, separated by commas.",
    shape=r"\*|\.?[A-Za-z0-9.-]+|\[[0-9a-f:]+\]",
    allowed="host names such as time.example.org, without scheme and port",
)
CSRF_TRUSTED_ORIGINS = env.words(
    "CSRF_TRUSTED_ORIGINS",
    [],
    "Further origins whose forms are accepted, such as those of a proxy with another port.",
    shape=r"https?://[^/?#\s]+",
    allowed="origins such as https://time.example.org:8443",
)
TRUSTED_PROXY_COUNT = env.integer(
    "TRUSTED_PROXY_COUNT",
    0,
    "How many reverse proxies stand before the site and set X-Forwarded-For and X-Forwarded-Proto."
    " With 0 those headers are not believed.",
)
DATABASE_URL = env.database(
    "DATABASE_URL",
    "sqlite:///data/timetracker.sqlite3",
    "The database: the embedded SQLite file, or PostgreSQL for a team.",
)
WEB_CONCURRENCY = env.integer(
    "WEB_CONCURRENCY",
    1,
    "gunicorn's worker processes, of eight threads each; more than one with PostgreSQL only, about"
    " two for each CPU. gunicorn reads it from the process's environment alone.",
    minimum=1,
    maximum=1000,
)
TIME_ZONE = env.time_zone(
    "TIME_ZONE",
    env.time_zone("TZ", "UTC", "The time zone where TIME_ZONE is not set.", shown="UTC"),
    "The installation's time zone; each person chooses their own in the preferences.",
    shown="the value of TZ",
)
ENVIRONMENT = env.choice(
    "ENVIRONMENT",
    ("production", "staging", "development", "test"),
    "production",
    "What this installation is used for; stands on every event.",
)
DEPLOYMENT_METHOD = env.choice(
    "DEPLOYMENT_METHOD",
    ("docker", "native"),
    "docker" if any(os.path.exists(mark) for mark in CONTAINER_MARKS) else "native",
    "How the site is deployed; stands on every event.",
    shown="found by itself: docker in a container, else native",
)
EMAIL_URL = env.email(
    "EMAIL_URL",
    "The mail server for password resets. Without it people are told to ask their administrator.",
)
DEFAULT_FROM_EMAIL = env.text(
    "DEFAULT_FROM_EMAIL",
    "timetracker@localhost",
    "The sender of the site's mails.",
    shape=r".*\S@\S+",
    allowed="an e-mail address",
)

env.section("Operation")
LOG_FORMAT = env.choice(
    "LOG_FORMAT",
    ("line", "json"),
    "line",
    "How the log is written: lines of text, or a JSON object a line.",
)
METRICS_TOKEN = env.secret(
    "METRICS_TOKEN",
    "Prometheus gets figures at /metrics with this token (Authorization: Bearer …). Without it"
    " there is no such page.",
    at_least=16,
)
ADMIN_EMAILS = env.words(
    "ADMIN_EMAILS",
    [],
    "Who is told of errors by mail, without a word about anybody. Needs EMAIL_URL.",
    shape=r"[^\s@]+@[^\s@]+",
    allowed="e-mail addresses, separated by commas",
)
if ADMIN_EMAILS and not EMAIL_URL:
    raise ConfigurationError(
        "ADMIN_EMAILS is set, but EMAIL_URL is not: there is no mail server to send with"
        " (set EMAIL_URL, or ADMIN_EMAILS to nothing)."
    )

env.section("Time tracking")
SECOND_TIMER = env.choice(
    "SECOND_TIMER",
    ("stop", "refuse"),
    "stop",
    "What starting a timer does while another one runs: it stops that one at the same instant, or"
    " is refused.",
)
IDLE_TIMEOUT_MINUTES = env.integer(
    "IDLE_TIMEOUT_MINUTES",
    480,
    "Minutes without activity after which the page asks what to do with a running timer: keep it,"
    " stop it at the last activity, or discard it. With 0 it never asks.",
    maximum=525_600,
)
OVERLAPPING_ENTRIES = env.choice(
    "OVERLAPPING_ENTRIES",
    ("allow", "refuse"),
    "allow",
    "Whether a person may have two entries at the same time.",
)
CURRENCY = env.text(
    "CURRENCY",
    "EUR",
    "The currency of new clients, and of the budgets of projects without a client.",
    shape=r"[A-Z]{3}",
    allowed="three capital letters (ISO 4217) such as EUR",
)
ENABLE_REPORTS = env.flag(
    "ENABLE_REPORTS",
    True,
    "Reports. Off: the way in disappears, and nothing below /reports/ opens.",
)
ENABLE_EXPORTS = env.flag(
    "ENABLE_EXPORTS",
    True,
    "Exports. Off: the way in disappears, and nothing below /exports/ opens.",
)
ENABLE_IMPORTS = env.flag(
    "ENABLE_IMPORTS",
    True,
    "Imports. Off: the way in disappears, and nothing below /imports/ opens.",
)

env.section("Analytics and telemetry")
POSTHOG_API_KEY = env.secret(
    "POSTHOG_API_KEY", "The key of the PostHog project. Without it nothing leaves this machine."
)
POSTHOG_HOST = env.url(
    "POSTHOG_HOST", "https://app.posthog.com", "The PostHog that events are sent to."
)
POSTHOG_PERSONAL_API_KEY = env.secret(
    "POSTHOG_PERSONAL_API_KEY",
    "A personal key of PostHog's API, for `manage.py provision_posthog` and erasing persons there."
    " Never used to send events.",
)
POSTHOG_PROJECT_ID = env.text(
    "POSTHOG_PROJECT_ID",
    "",
    "The number of the PostHog project that the personal key works on.",
    shape="[0-9]*",
    allowed="digits, such as 12345",
)
ENABLE_TELEMETRY = env.flag(
    "ENABLE_TELEMETRY",
    False,
    "Send installation pings (version, platform, no person) with `manage.py telemetry_ping`.",
)
DO_NOT_TRACK = env.flag("DO_NOT_TRACK", False, "Nothing leaves this machine, whatever else is set.")
SHARE_ANALYTICS_DEFAULT = env.flag(
    "SHARE_ANALYTICS_DEFAULT",
    True,
    "Whether new accounts share how they use the site; each person changes it in the preferences.",
)
DELIVERY_THREAD = env.flag(
    "DELIVERY_THREAD",
    True,
    "Each process of the site delivers what it records. Off where `manage.py deliver_events` runs"
    " as a process of its own.",
)
EVENT_RETENTION_DAYS = env.integer(
    "EVENT_RETENTION_DAYS",
    90,
    "Days for which an event is kept here after it was delivered, rejected, or kept as local only.",
    minimum=1,
    maximum=36_500,
)
MAX_WAITING_EVENTS = env.integer(
    "MAX_WAITING_EVENTS",
    1_000_000,
    "Events that may wait while PostHog is away; beyond that the oldest are dropped and counted.",
    minimum=1,
    maximum=1_000_000_000,
)

env.section("Signing in")
AUTH_METHOD = env.choice(
    "AUTH_METHOD",
    ("local", "oidc", "both"),
    "local",
    "How people sign in: with a password kept here, through an OpenID Connect provider, or both.",
)
ALLOW_SELF_REGISTER = env.flag(
    "ALLOW_SELF_REGISTER", False, "Anyone who reaches the site may make an account with a password."
)
DEMO_MODE = env.flag(
    "DEMO_MODE",
    False,
    "Only the demo account signs in, and the sign-in page shows its password."
    " `manage.py load_demo_data` makes the account.",
)
OIDC_ISSUER = env.url(
    "OIDC_ISSUER",
    "",
    "The provider's issuer, written exactly as its discovery document does. Required for OIDC.",
)
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID", "", "The client registered there. Required for OIDC.")
OIDC_CLIENT_SECRET = env.secret("OIDC_CLIENT_SECRET", "The client's secret. Required for OIDC.")
OIDC_SCOPES = env.text(
    "OIDC_SCOPES",
    "openid profile email",
    "The scopes asked for.",
    shape=r"(.*\s)?openid(\s.*)?",
    allowed="words, openid among them",
)
OIDC_GROUPS_CLAIM = env.text(
    "OIDC_GROUPS_CLAIM", "groups", "The claim that lists a person's groups.", allowed="a claim"
)
OIDC_ADMIN_GROUP = env.text(
    "OIDC_ADMIN_GROUP", "", "Members of this group are admins.", allowed="a group"
)
OIDC_ROLE_GROUP_MAP = env.mapping(
    "OIDC_ROLE_GROUP_MAP",
    ROLES,
    "Which group gives which role (admin, manager, user). With this or OIDC_ADMIN_GROUP set, the"
    " provider decides on roles at every sign-in; with neither, they are kept here.",
    example='{"time-leads": "manager"}',
)
OIDC_ENABLED = AUTH_METHOD in ("oidc", "both") and not DEMO_MODE
LOCAL_ENABLED = AUTH_METHOD in ("local", "both") or DEMO_MODE
if AUTH_METHOD != "local":
    for _name in ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"):
        if not globals()[_name]:
            raise ConfigurationError(
                f"{_name} is not set; AUTH_METHOD={AUTH_METHOD} needs it"
                " (allowed without it: AUTH_METHOD=local)."
            )

# ---------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "timetracker.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "analytics",
    "accounts",
    "tracking",
    "timetracker.apps.TimeTrackerConfig",
]
MIDDLEWARE = [
    "timetracker.logs.RequestIdMiddleware",  # first: all that is logged of a request has its id
    # What adds headers stands before what may answer by itself: probes, static files, redirects.
    "csp.middleware.CSPMiddleware",
    "timetracker.hardening.HeadersMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "timetracker.probes.ProbeMiddleware",  # before all that asks for the host or a session
    "timetracker.metrics.MetricsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.locale.LocaleMiddleware",  # before all that may show people a sentence
    "timetracker.middleware.StorageMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "timetracker.hardening.BodyMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.LanguageMiddleware",
    "accounts.middleware.TimeZoneMiddleware",
    "tracking.clockface.ClockfaceMiddleware",
    "analytics.middleware.AnalyticsMiddleware",
]
ROOT_URLCONF = "timetracker.urls"
WSGI_APPLICATION = "timetracker.wsgi.application"
ASGI_APPLICATION = "timetracker.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "timetracker" / "templates"],  # before allauth's own
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "timetracker.gates.context",
            ],
        },
    },
]

# --- database, cache ---
SQLITE_OPTIONS: dict[str, Any] = {
    # A writer takes its lock when the transaction begins and waits its turn, instead of failing
    # in the middle; a killed process loses nothing, a power cut at most the last moments.
    "transaction_mode": "IMMEDIATE",
    "timeout": 5,  # seconds
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}
DATABASES: dict[str, dict[str, Any]] = {"default": DATABASE_URL}
if DATABASE_URL["ENGINE"].endswith("sqlite3"):
    DATABASE_URL["NAME"] = str(BASE_DIR / DATABASE_URL["NAME"])
    DATABASE_URL["OPTIONS"] = {**DATABASE_URL.get("OPTIONS", {}), **SQLITE_OPTIONS}
else:
    DATABASE_URL.setdefault("CONN_MAX_AGE", 60)  # seconds
    DATABASE_URL["CONN_HEALTH_CHECKS"] = True
    # Compiling a report's query takes PostgreSQL longer than running it.
    DATABASE_URL["OPTIONS"] = {
        "options": "-c jit=off",
        "connect_timeout": 5,  # seconds; a page says rather that it cannot than hang
        **DATABASE_URL.get("OPTIONS", {}),
    }
FORM_RENDERER = "timetracker.renderer.QuickRenderer"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    # Shared by all processes without a second server; accounts' rate limits count in it.
    "default": {
        "BACKEND": "timetracker.cache.DatabaseCache",
        "LOCATION": "cache",
        # The default of 300 would let a flood of attempts push out the counts of rate limits.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# --- accounts ---
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    *(["accounts.backends.LocalBackend"] if LOCAL_ENABLED else []),
    *(["accounts.oidc.backend.OIDCBackend"] if OIDC_ENABLED else []),
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "optional" if EMAIL_URL else "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no mail to strangers whose address somebody typed
# Whoever finds a browser signed in must not make the account their own by adding an address.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_RATE_LIMITS = {
    # As many guesses at the old password in a session left open as at the door.
    "change_password": "5/5m/user",
    # allauth would send an hour's three hundred mails to one address, whoever asks for them.
    "reset_password": "20/m/ip,5/h/key",
    "confirm_email": "1/3m/key,10/d/key",
    # In a demo the limit by account is left out: any visitor could shut the only one for all.
    **({"login_failed": "10/m/ip"} if DEMO_MODE else {}),
}
ACCOUNT_LOGOUT_REDIRECT_URL = LOGOUT_REDIRECT_URL
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
OIDC_TIMEOUT = 5  # seconds, of every request to the provider
OIDC_RP_SCOPES = OIDC_SCOPES  # these names are mozilla-django-oidc's
OIDC_USE_PKCE = True
OIDC_PKCE_CODE_CHALLENGE_METHOD = "S256"
OIDC_USE_NONCE = True

# --- mail ---
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
globals().update(EMAIL_URL)  # EMAIL_BACKEND, EMAIL_HOST, … as django-environ names them
EMAIL_TIMEOUT = 10  # seconds

# --- security ---
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = ["^(healthz|readyz|metrics)$"]  # asked of a process itself (probes.py)
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # Strict would lose the provider's redirect
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes of a form; a file to import has its own limit
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for sub-domains is the policy of the domain's owner
    "security.W021",  # and so is the browsers' preload list
]


def origin(address: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],  # Bootstrap draws its marks as data: pictures
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        # Chromium applies form-action to redirects too: signing out ends at the provider.
        "form-action": [SELF, *([origin(OIDC_ISSUER)] if OIDC_ENABLED else [])],
    }
}

# --- static files ---
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_ALLOW_ALL_ORIGINS = False  # no other site has a use for them

# --- language and time ---
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]  # each in its own words, never translated
LOCALE_PATHS = [BASE_DIR / "locale"]  # `analytics` has its own: it stands in other projects, too
USE_I18N = True
USE_TZ = True

# --- analytics ---
ANALYTICS = {
    "POSTHOG_API_KEY": POSTHOG_API_KEY,
    "POSTHOG_HOST": POSTHOG_HOST,
    "POSTHOG_PERSONAL_API_KEY": POSTHOG_PERSONAL_API_KEY,
    "POSTHOG_PROJECT_ID": POSTHOG_PROJECT_ID,
    "ENABLE_TELEMETRY": ENABLE_TELEMETRY,
    "DO_NOT_TRACK": DO_NOT_TRACK,
    "APP_VERSION": __version__,
    "ENVIRONMENT": ENVIRONMENT,
    "DEPLOYMENT_METHOD": DEPLOYMENT_METHOD,
    "PERSON_PROPERTIES": "accounts.analytics.person_properties",
    "CONSENT_FIELD": "share_analytics",
    "DELIVERY_THREAD": DELIVERY_THREAD,
    "RETENTION_DAYS": EVENT_RETENTION_DAYS,
    "MAX_WAITING": MAX_WAITING_EVENTS,
    "STRICT": DEBUG or ENVIRONMENT in ("development", "test"),
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "timetracker.logs.LineFormatter"},
        "json": {"()": "timetracker.logs.JsonFormatter"},
    },
    "filters": {"strangers": {"()": "timetracker.logs.StrangersFilter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["strangers"],
        },
        **({"admins": {"class": "timetracker.errors.AdminMailHandler"}} if ADMIN_EMAILS else {}),
    },
    "root": {"handlers": ["console", *(["admins"] if ADMIN_EMAILS else [])], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": [], "level": "WARNING", "propagate": True},
        "analytics": {"level": "INFO"},
        # It warns of each answer that is not well-formed; delivery says what matters, once.
        "urllib3": {"level": "ERROR"},
        "accounts": {"level": "INFO"},
    },
}
