"""Django finds the package's admin here."""

from billing.alerts.usage import admin as usage_admin  # noqa: F401 - registers what was told of usage
from billing.alerts.webhooks import admin as webhooks_admin  # noqa: F401 - registers webhooks
