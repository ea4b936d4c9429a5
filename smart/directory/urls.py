"""/admin/imports/"""

from django.urls import path

from smart.directory import pages

app_name = "imports"
urlpatterns = [
    path("", pages.list_view, name="list"),
    path("<int:import_id>/", pages.one, name="one"),
    path("<int:import_id>/progress/", pages.progress, name="progress"),
    path("<int:import_id>/allow/", pages.allow, name="allow"),
    path("<int:import_id>/confirm/", pages.confirm, name="confirm"),
    path("<int:import_id>/discard/", pages.discard, name="discard"),
    path("<int:import_id>/report/", pages.report, name="report"),
]
