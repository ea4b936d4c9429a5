"""/admin/imports/"""

from django.urls import path

from smart.backoffice import imports

app_name = "imports"
urlpatterns = [
    path("", imports.list_view, name="list"),
    path("<int:import_id>/", imports.one, name="one"),
    path("<int:import_id>/progress/", imports.progress, name="progress"),
    path("<int:import_id>/allow/", imports.allow, name="allow"),
    path("<int:import_id>/confirm/", imports.confirm, name="confirm"),
    path("<int:import_id>/discard/", imports.discard, name="discard"),
    path("<int:import_id>/report/", imports.report, name="report"),
]
