"""Every address of the platform."""

from csp.decorators import csp_update
from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from smart.site.health import healthz
from smart.site.metrics import metrics
from smart.site.views import front, icon

docs = SpectacularSwaggerSplitView.as_view(url_name="schema")

urlpatterns = [
    path("api/ussd/v1/", include("smart.ussd.urls")),  # first: the busiest
    path("api/charging/v1/", include("bonuses.urls")),
    path("api/messaging/v1/", include("messaging.urls")),
    path("api/partners/v1/", include("campaigns.api.urls")),
    path("", front, name="front"),
    path("healthz", healthz, name="healthz"),
    path("metrics", metrics, name="metrics"),
    path("favicon.ico", icon),
    path("partners/redeem/", include("campaigns.portal.till.urls")),
    path("partners/results/", include("campaigns.portal.results.urls")),
    path("partners/surveys/", include("surveys.sponsor.urls")),
    path("partners/", include("campaigns.portal.urls")),
    path("language/", set_language, name="set_language"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", csp_update({"style-src": ["'unsafe-inline'"]})(docs), name="docs"),  # Swagger UI styles inline
    path("admin/care/", include("smart.care.urls")),
    path("admin/sending/", include("messaging.staff.urls")),
    path("admin/results/", include("campaigns.staff.results_urls")),
    path("admin/imports/", include("smart.directory.urls")),
    path("admin/audiences/", include("campaigns.staff.audiences_urls")),
    path("admin/campaign/", include("campaigns.staff.campaigns_urls")),
    path("admin/survey/<int:survey_id>/results/", include("surveys.staff.results.urls")),
    path("admin/survey/", include("surveys.staff.urls")),
    path("admin/prompts/", include("messaging.prompts.urls")),
    path("admin/proposals/", include("core.access.urls")),
    path("admin/", admin.site.urls),
]
handler400 = "smart.site.errors.bad_request"
handler403 = "smart.site.errors.forbidden"
handler404 = "smart.site.errors.not_found"
handler500 = "smart.site.errors.server_error"
if settings.LOCAL:
    urlpatterns.append(path("handset/", include("smart.local.handset.urls")))
