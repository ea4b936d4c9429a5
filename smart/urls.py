"""Every address of the platform."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/ussd/v1/", include("smart.ussd.urls")),
    path("api/charging/v1/", include("bonuses.urls")),
]
