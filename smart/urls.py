"""Every address of the platform."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("api/ussd/v1/", include("smart.ussd.urls")),  # first: the busiest
    path("api/charging/v1/", include("bonuses.urls")),
    path("admin/", admin.site.urls),
]
