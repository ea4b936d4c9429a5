"""/admin/results/."""

from django.urls import path, re_path

from campaigns.staff import results

app_name = "results"
urlpatterns = [
    path("", results.index, name="list"),
    path("<int:pk>/", results.look, name="page"),
    path("<int:pk>/count/", results.count, name="count"),
    re_path(r"^(?P<pk>\d+)/results\.(?P<kind>csv|xlsx)$", results.export, name="export"),
]
