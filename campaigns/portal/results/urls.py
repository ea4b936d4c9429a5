"""/partners/results/."""

from django.urls import path, re_path

from campaigns.portal.results import views

app_name = "partner-results"
urlpatterns = [
    path("", views.page, name="page"),
    re_path(r"^results\.(?P<kind>csv|xlsx)$", views.export, name="export"),
    path("statements/<int:year>-<int:month>.csv", views.statement_file, {"kind": "csv"}, name="statement_csv"),
    path("statements/<int:year>-<int:month>.pdf", views.statement_file, {"kind": "pdf"}, name="statement_pdf"),
]
