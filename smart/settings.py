"""One settings file, read from the environment (django-environ); sections in the order of Django's docs.

Production secrets have no default: a deployment that forgets one does not start. SMART_LOCAL=on is what
`make run` and `make test` set: it supplies throw-away secrets and installs smart.local. `.env.example`
names every variable; tests/test_settings.py keeps the two equal.
"""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from messaging.channels.kind import kinds
from smart.jobs import JOBS

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")


def choice(name: str, *, default: str, among: tuple[str, ...]) -> str:
    """Read one of a few words; any other raises."""
    word = env.str(name, default=default)
    if word not in among:
        raise ImproperlyConfigured(f"{name}={word} is not one of: {', '.join(among)}")
    return word


def switch(name: str, *, default: bool) -> bool:
    """Read on or off; any other word raises, where django-environ takes it for off."""
    return choice(name, default="on" if default else "off", among=("on", "off")) == "on"


def secret(name: str) -> str:
    """Return a secret from the environment; only a local set-up gets a throw-away default."""
    value = env.str(name, default=f"local-only-{name.lower()}-not-a-secret-0123456789abcdef" if LOCAL else "")
    if not value:
        raise ImproperlyConfigured(f"{name} is a secret without a default: set it")
    return value


def web_address(text: str) -> str:
    """Read http(s)://host[:port]/path or nothing; anything else raises."""
    parts = urlsplit(text)
    is_sound = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.username)
    is_sound = is_sound and parts.port != 0  # reading a port that is no number raises
    if text and not is_sound:
        raise ImproperlyConfigured("OPERATOR_BALANCE_URL is http(s)://host[:port]/path without user or query")
    return text


def most_ending(percent: float) -> float:
    """How many of the memberships may end by an import unasked."""
    if not 0 <= percent <= 100:  # false for what is no number, too
        raise ImproperlyConfigured(f"IMPORT_MOST_ENDING_PERCENT={percent}: 0 to 100")
    return percent


def kept_months(count: int) -> int:
    """Messages live for up to three months: fewer would drop what is still to be answered for."""
    if count < 0 or 0 < count < 3:
        raise ImproperlyConfigured(f"MESSAGES_KEPT_MONTHS={count}: 0 (for good), or 3 and more")
    return count


def proposal_days(count: int) -> int:
    """A proposal lapses; one that lapsed at once could never be confirmed."""
    if count < 1:
        raise ImproperlyConfigured(f"PROPOSAL_DAYS={count}: 1 and more")
    return count


def encryption_keys(text: str) -> dict[int, bytes]:
    """Read "id:64 hex digits,…", ids from 1 to 255 and each once; anything else raises."""
    pairs = [(int(number), bytes.fromhex(key)) for number, key in (pair.split(":") for pair in text.split(","))]
    keys = dict(pairs)
    if len(keys) < len(pairs) or any(not 1 <= number <= 255 or len(key) != 32 for number, key in pairs):
        raise ImproperlyConfigured("MSISDN_KEYS: ids from 1 to 255, each once, each with 64 hex digits")
    return keys


def transports(path: str, *, known: set[str]) -> list[dict[str, Any]]:
    """Read the [[transport]] tables of a TOML file; `password_env = "NAME"` takes a password from the environment."""
    if not path:
        return []
    try:
        with Path(path).open("rb") as file:
            entries: list[dict[str, Any]] = tomllib.load(file).get("transport", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ImproperlyConfigured(f"TRANSPORTS_FILE cannot be read: {error}") from error
    for entry in entries:
        if not isinstance(entry.get("name"), str) or entry.get("kind") not in known:
            raise ImproperlyConfigured(
                f"TRANSPORTS_FILE: every transport has a name and a kind, one of {', '.join(sorted(known))}"
            )
        if named := entry.pop("password_env", None):
            entry["password"] = env.str(named, default="")
            if not entry["password"]:  # a made-up one would be refused by a real network, without a word here
                raise ImproperlyConfigured(f"TRANSPORTS_FILE: {entry['name']} wants its password in {named}: set it")
    if len({entry["name"] for entry in entries}) < len(entries):
        raise ImproperlyConfigured("TRANSPORTS_FILE: two transports bear the same name")
    return entries


LOCAL = switch("SMART_LOCAL", default=False)
if LOCAL:
    from smart.local import accounts, handset


# Core
DEBUG = switch("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if LOCAL else [])
SECRET_KEY = secret("SECRET_KEY")
ROOT_URLCONF = "smart.urls"
WSGI_APPLICATION = "smart.wsgi.application"
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
APPEND_SLASH = True

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "csp",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "core.access",
    "core.jobs",
    "enrollment",
    "messaging",
    "bonuses",
    "campaigns",
    "surveys",
    "smart.ussd",
    "smart.care",
    "smart.directory",
    "smart.backoffice",
    *(["smart.local"] if LOCAL else []),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.lib.requests.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "core.staff.policy.AdminPolicy",
    "smart.site.errors.NotAllowedMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
# The machines' edge (USSD gateway, charging system) has no use for sessions, cookies or CSRF (smart/wsgi.py).
EDGE_MIDDLEWARE = ["core.lib.requests.RequestIdMiddleware"]
EDGE_PATHS = ("/api/ussd/", "/api/charging/", "/api/messaging/")

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["core.staff.dates"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Cache: only hints live here, never the truth.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Database: PostgreSQL only (ADR 0001). The pool is sized to the server's threads (ADR 0007).
DATABASES = {"default": env.db_url("DATABASE_URL", default="postgres://postgres@localhost:5432/smart")}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL: postgres://…")
DB_POOL = env.int("DB_POOL_SIZE", default=0)
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    "application_name": env.str("APPLICATION_NAME", default="smart"),
    "options": " ".join(
        f"-c {name}={value}"
        for name, value in {
            "timezone": "UTC",
            "statement_timeout": env.int("DB_STATEMENT_TIMEOUT_MS", default=0),
            "idle_in_transaction_session_timeout": 60_000,
        }.items()
    ),
    # For core.lib.statements; off where a connection pooler without support for them stands between.
    "prepare_threshold": 3 if switch("DB_PREPARE", default=True) else None,
}
if DB_POOL:
    DATABASES["default"]["ENGINE"] = "core.lib.postgres"  # hands out no connection that has died
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": min(2, DB_POOL),
        "max_size": DB_POOL,
        "timeout": 2.0,
        # It tries anew after 1, 2, 4 … seconds: given up early, the next request makes it try at once. After a minute
        # without a database it would wait for another minute.
        "reconnect_timeout": 5.0,
    }
DATABASES["default"]["CONN_MAX_AGE"] = 0
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Sign-in
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
SESSION_COOKIE_AGE = 8 * 3600
# Staff sign in at /admin/ by user name; partners' people at /partners/ by e-mail, through django-allauth.
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "campaigns.portal.accounts.PartnerBackend",
]
ACCOUNT_ADAPTER = "campaigns.portal.accounts.Adapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]  # nobody signs up; allauth's checks want it to fit
ACCOUNT_EMAIL_VERIFICATION = "none"  # the invitation came by e-mail
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = True  # for SESSION_COOKIE_AGE, as staff
ACCOUNT_LOGOUT_REDIRECT_URL = reverse_lazy("account_login")
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http" if LOCAL else "https"
ACCOUNT_FORMS = {
    "login": "campaigns.portal.accounts.SignIn",
    "change_password": "campaigns.portal.accounts.ChangePassword",
    "reauthenticate": "campaigns.portal.accounts.ConfirmPassword",
    "reset_password": "campaigns.portal.accounts.ResetPassword",
    "reset_password_from_key": "campaigns.portal.accounts.NewPassword",
}
MFA_ADAPTER = "campaigns.portal.accounts.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "campaigns.portal.accounts.SecondFactor",
    "reauthenticate": "campaigns.portal.accounts.ConfirmSecondFactor",
    "activate_totp": "campaigns.portal.accounts.ActivateSecondFactor",
}

# E-mail: to the console unless a server is named
EMAIL = env.email_url("EMAIL_URL", default="consolemail://")
EMAIL_BACKEND = EMAIL["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = EMAIL["EMAIL_HOST"], EMAIL["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = EMAIL["EMAIL_HOST_USER"], EMAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL.get("EMAIL_USE_TLS", False), EMAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="SMART <smart@localhost>")

# Security
SECURE_SSL_REDIRECT = switch("SECURE_SSL_REDIRECT", default=not LOCAL)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if switch("BEHIND_PROXY", default=False) else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # asked by whoever watches the process itself
SECURE_HSTS_SECONDS = 0 if LOCAL else env.int("SECURE_HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not LOCAL
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not LOCAL
SESSION_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
CSRF_FAILURE_VIEW = "smart.site.errors.forged"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ("/admin/",),  # core.staff.policy sets a relaxed one there
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}
# Phone numbers: AES-256-GCM under the key named by its id, found by an HMAC under another key (ADR 0005).
MSISDN_ENCRYPT_WITH = env.int("MSISDN_ENCRYPT_WITH", default=0)
MSISDN_KEYS = encryption_keys(
    env.str("MSISDN_KEYS", default="1:" + "00112233445566778899aabbccddeeff" * 2) if LOCAL else secret("MSISDN_KEYS")
)
if MSISDN_ENCRYPT_WITH and MSISDN_ENCRYPT_WITH not in MSISDN_KEYS:
    raise ImproperlyConfigured("MSISDN_ENCRYPT_WITH names no key of MSISDN_KEYS")
MSISDN_INDEX_KEY = secret("MSISDN_INDEX_KEY")
# Secrets of API clients are derived from this key and never stored (ADR 0008).
API_MASTER_KEY = secret("API_MASTER_KEY")
# Signs the addresses that HTTP gateways send receipts to.
CALLBACK_SECRET = secret("CALLBACK_SECRET")
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")  # Prometheus shows it; empty: there are no metrics
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

# Languages and time
LANGUAGE_CODE = "ru"
LANGUAGES = [("kk", _("Kazakh")), ("ru", _("Russian")), ("en", _("English"))]
LANGUAGE_COOKIE_NAME = "language"
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "smart.site.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Almaty"
ASTANA_UTC_OFFSET_HOURS = env.int("ASTANA_UTC_OFFSET_HOURS", default=5)  # the zone data must agree, or nothing is sent

# Static files
STATIC_URL = "/static/"
STATIC_ROOT = None if LOCAL else BASE_DIR / "staticfiles"  # locally the finders serve
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = LOCAL
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if LOCAL
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(BASE_DIR / "var" / "media"))
FILE_UPLOAD_PERMISSIONS = 0o600

# Logging: one line an event, numbers masked (core/lib/logs.py)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "core.lib.logs.RequestContext"}},
    "formatters": {"line": {"()": "core.lib.logs.MaskingFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["context"], "formatter": "line"}},
    "root": {
        "handlers": ["console"],
        "level": choice("LOG_LEVEL", default="INFO", among=("DEBUG", "INFO", "WARNING", "ERROR")),
    },
    "loggers": {
        "django.server": {"handlers": ["console"], "propagate": False},
        "fontTools": {"level": "WARNING"},  # a PDF's font is no event
    },
}

# Back office (django-unfold)
UNFOLD = {
    "SITE_TITLE": "SMART",
    "SITE_HEADER": "SMART",
    "SITE_SUBHEADER": _("Back office"),
    "SITE_ICON": lambda request: static("icon.svg"),
    "STYLES": [lambda request: static("backoffice.css")],
    "SHOW_BACK_BUTTON": True,
    "DASHBOARD_CALLBACK": "smart.backoffice.dashboard.context",
    "BORDER_RADIUS": "8px",
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": "smart.backoffice.navigation.menu"},
    "COLORS": {
        "primary": {
            "50": "#fff7ed",
            "100": "#ffedd5",
            "200": "#fed7aa",
            "300": "#fdba74",
            "400": "#fb923c",
            "500": "#ea580c",
            "600": "#c2410c",
            "700": "#9a3412",
            "800": "#7c2d12",
            "900": "#6b2610",
            "950": "#431407",
        },
    },
}

# REST
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "core.lib.problems.problem_details",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "SMART",
    "DESCRIPTION": "The bonus programme of the mobile brand activ: USSD gateway and charging interfaces.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}

# Celery: the doorbell (ADR 0002). No result, no ETA, one task at a time, acknowledged when done.
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="redis://127.0.0.1:6379/0")
CELERY_TASK_DEFAULT_QUEUE = "smart"
CELERY_TASK_CREATE_MISSING_QUEUES = False
# RabbitMQ keeps a quorum queue on several machines; Valkey knows no such thing.
QUEUE_ARGUMENTS = {"x-queue-type": "quorum"} if CELERY_BROKER_URL.startswith("amqp") else {}
CELERY_TASK_QUEUES = {
    name: {"exchange": name, "routing_key": name, "queue_arguments": QUEUE_ARGUMENTS}
    for name in ("smart", "imports", "messages")
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"visibility_timeout": 60, "unacked_restore_interval": 2, "unacked_restore_throttle": 1}
    if CELERY_BROKER_URL.startswith("redis")
    else {}
)
CELERY_TIMEZONE = "Asia/Almaty"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
SCHEDULE = {f"smart.tasks.{name}": job for name, job in JOBS.items()}
CELERY_TASK_ROUTES = {task: {"queue": job.queue} for task, job in SCHEDULE.items()}

# The programme (rules are data in the database; these are the operator's facts and policies)
HOME_MCC = "401"  # Kazakhstan: B4
HOME_PLMNS = env.list("HOME_PLMNS", default=["40102"])  # Kcell's network: elsewhere a debit is roaming (B9)
ROAMING_UNKNOWN = choice(
    "ROAMING_UNKNOWN", default="refuse", among=("refuse", "allow")
)  # B4: refuse | allow, when the network cannot say
MOVABLE_CLOCK = LOCAL and switch("MOVABLE_CLOCK", default=True)  # the handset page moves it
DEMO = (
    {
        "accounts": accounts.DEMO_ACCOUNTS,
        "partners": accounts.DEMO_PARTNERS_PEOPLE,
        "password": accounts.DEMO_PASSWORD,
    }
    if LOCAL
    else None
)
CARE_NUMBERS = ("3030", "8 (727) 258-83-00")
# TMF654 bucket; empty: the bonus alone is told
OPERATOR_BALANCE_URL = web_address(env.str("OPERATOR_BALANCE_URL", default=""))
OPERATOR_BALANCE_TOKEN = env.str("OPERATOR_BALANCE_TOKEN", default="")
# A directory import that would end more of the memberships waits until somebody allows it by name (J7).
IMPORT_MOST_ENDING_PERCENT = most_ending(env.float("IMPORT_MOST_ENDING_PERCENT", default=2))
USSD_SESSION_SECONDS = env.int("USSD_SESSION_SECONDS", default=180)
USSD_DEADLINE_SECONDS = 3.0

# Messages: the networks they leave through, from a TOML file of [[transport]] tables (docs/operations.md).
TRANSPORT_KINDS = {name: kind.transport for name, kind in kinds().items()}
if LOCAL:
    TRANSPORT_KINDS["handset"] = handset.TRANSPORT.transport
TRANSPORTS_FILE = env.str("TRANSPORTS_FILE", default="")
TRANSPORTS = transports(TRANSPORTS_FILE, known=set(TRANSPORT_KINDS)) or (
    [{"name": "handset", "kind": "handset", "channels": ["sms", "ussd", "ivr"]}] if LOCAL else []
)
# What a reader may answer at once, in the same USSD dialog or call, by class (messaging.channels.conversations).
CONVERSATIONS = {"survey": "smart.survey_dialogs.converse"}
PROPOSAL_LIFE = timedelta(days=proposal_days(env.int("PROPOSAL_DAYS", default=3)))  # for a second person to decide
MESSAGES_KEPT_MONTHS = kept_months(env.int("MESSAGES_KEPT_MONTHS", default=13))  # before this one; 0: for good
SENDING_SITE = env.str("SENDING_SITE", default="local" if LOCAL else "")  # tells a copy of this installation from it
