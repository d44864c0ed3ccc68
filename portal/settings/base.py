"""What every Django project has: apps, middleware, templates, static files, time."""

from urllib.parse import urlsplit

from portal.settings.env import BASE_DIR, HOME, env, secret
from portal.settings.security import SITE_URL

# Where details of old usage events go; on a shared volume when there are several workers.
ARCHIVE_DIR = env.str("ARCHIVE_DIR", "") or str(HOME / "archive")

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", None) or secret("django-secret-key")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]", urlsplit(SITE_URL).hostname])

INSTALLED_APPS = [
    "unfold",  # before django.contrib.admin: its templates win
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.forms",
    "django.contrib.staticfiles",
    "django_htmx",
    "heroicons",
    "template_partials",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "djstripe",
    "accounts",
    "billing.credits",
    "billing.foundation",
    "billing.gateway",
    "billing.ledger",
    "billing.ledger.trial",
    "billing.ledger.worth",
    "billing.pricing",
    "billing.metering",
    "billing.invoices",
    "billing.packs",
    "billing.plans",
    "billing.usage",
    "billing.usage.budgets",
    "billing.voices",
    "billing.alerts",
    "billing.api",
    "billing.overview",
    "billing.insights",
    "portal.standin.pages",
    "portal",
]

MIDDLEWARE = [
    "portal.health.middleware.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "billing.api.middleware.ApiMiddleware",  # answers /api/ itself: nothing below is for it
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",  # for browsers that do not know the policy below
    "csp.middleware.CSPMiddleware",
    "portal.middleware.AdminCSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.SessionActivityMiddleware",
    "accounts.middleware.VisitMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "portal.forms.Renderer"

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
                "billing.overview.context.shell",
            ]
        },
    }
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"  # filled by `manage.py prepare`
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True  # half of the work of compressing
if DEBUG:
    STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"

SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains and
    "security.W021",  # preloading: the domain is not ours to decide about
    "djstripe.W002",  # STRIPE_API_HOST without DEBUG: billing.gateway.checks says where it may be set
]

# Django's own default keeps errors silent when DEBUG is off; here they go to standard error, for whoever runs us.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "WARNING").upper()},
    "loggers": {
        "django": {"handlers": [], "level": "NOTSET", "propagate": True},
        "httpx": {"level": "WARNING"},  # below that it writes every address whole, and some hold a key
    },
}
