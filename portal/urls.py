"""The site's URLs."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from portal.admin.desk import workspace_desk
from portal.admin.deskacts import view_as_end
from portal.admin.duework import due_work_page
from portal.admin.money.exports import exports_page
from portal.admin.money.page import money_page
from portal.admin.movingin import import_page, moving_in_page, sample_page
from portal.admin.priceapprovals import price_approvals_page
from portal.admin.trialbalance import trial_balance_page
from portal.admin.unrated import unrated_page
from portal.favicon import favicon
from portal.persons import views as persons

# Staff sign in through allauth as well, so the second factor covers the admin. Must come before admin.site.urls.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("favicon.ico", favicon, name="favicon"),
    path("admin/trial-balance/", admin.site.admin_view(trial_balance_page), name="trial-balance"),
    path("admin/money/", admin.site.admin_view(money_page), name="money"),
    path("admin/money-exports/", admin.site.admin_view(exports_page), name="money-exports"),
    path("admin/price-approvals/", admin.site.admin_view(price_approvals_page), name="price-approvals"),
    path("admin/due-work/", admin.site.admin_view(due_work_page), name="due-work"),
    path("admin/moving-in/", admin.site.admin_view(moving_in_page), name="moving-in"),
    path("admin/moving-in/<str:kind>/", admin.site.admin_view(import_page), name="import"),
    path("admin/moving-in/<str:kind>/sample.csv", admin.site.admin_view(sample_page), name="import-sample"),
    path("admin/unrated/", admin.site.admin_view(unrated_page), name="unrated"),
    path("admin/voice-provisioning/", include("portal.admin.voices.urls")),
    path("admin/workspaces/<int:pk>/", admin.site.admin_view(workspace_desk), name="workspace-desk"),
    path("admin/view-as/end/", admin.site.admin_view(view_as_end), name="view-as-end"),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("profile/data", persons.data, name="person-data"),
    path("profile/data/download", persons.download, name="person-data-download"),
    path("profile/delete", persons.erase, name="person-erase"),
    path("", include("billing.foundation.urls")),
    path("", include("billing.api.urls")),
    path("", include("billing.api.guide.urls")),
    path("", include("accounts.urls")),
    path("", include("billing.invoices.urls")),
    path("", include("billing.packs.urls")),
    path("", include("billing.plans.urls")),
    path("", include("billing.plans.addons.urls")),
    path("", include("billing.plans.resources.urls")),
    path("", include("billing.usage.budgets.urls")),
    path("", include("billing.voices.clones.urls")),
    path("", include("billing.alerts.webhooks.urls")),
    path("", include("billing.alerts.notices.urls")),
    path("", include("billing.overview.urls")),
    path("", include("billing.overview.publicurls")),
    path("", include("billing.insights.urls")),
    path("stripe/", include("billing.gateway.webhook_urls", namespace="djstripe")),
]
if settings.SIMULATED_PAYMENTS:
    urlpatterns.append(path("simulated-stripe/", include("portal.standin.pages.urls")))
if settings.X402_SIMULATED:
    urlpatterns.append(path("simulated-usdc/", include("portal.standin_usdc.urls")))
