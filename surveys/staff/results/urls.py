"""/admin/survey/<id>/results/."""

from django.urls import path

from surveys.staff.results import crossing, exporting, page, query, texts

app_name = "survey_results"
urlpatterns = [
    path("", page.look, name="page"),
    path("live/", page.live, name="live"),
    path("count/", query.count, name="count"),
    path("cross/", crossing.look, name="cross"),
    path("texts/<slug:code>/", texts.look, name="texts"),
    path("answers.csv", exporting.as_csv, name="csv"),
    path("files/", exporting.ask, name="ask"),
    path("files/<int:export_id>/", exporting.look, name="file"),
    path("files/<int:export_id>/progress/", exporting.progress, name="progress"),
    path("files/<int:export_id>/fetch/", exporting.fetch, name="fetch"),
]
