"""/admin/results/."""

from django.urls import path, re_path

from campaigns.staff import results

app_name = "results"
urlpatterns = [
    path("", results.list_view, name="list"),
    path("<int:pk>/", results.page_view, name="page"),
    path("<int:pk>/count/", results.count_view, name="count"),
    re_path(r"^(?P<pk>\d+)/results\.(?P<kind>csv|xlsx)$", results.export_view, name="export"),
]
