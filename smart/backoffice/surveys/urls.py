"""/admin/survey/"""

from django.urls import path

from smart.backoffice.surveys import cells, editing, looking, publishing, trying

app_name = "survey"
urlpatterns = [
    path("try/", trying.choose, name="choose"),
    path("<int:survey_id>/", looking.look, name="page"),
    path("<int:survey_id>/forecast/", looking.forecast, name="forecast"),
    path("<int:survey_id>/progress/", looking.progress, name="progress"),
    path("<int:survey_id>/cells/", cells.fill, name="cells"),
    path("<int:survey_id>/questions/", editing.questions, name="questions"),
    path("<int:survey_id>/questions/new/", editing.new, name="new_question"),
    path("<int:survey_id>/questions/preview/", editing.show, name="preview"),
    path("<int:survey_id>/questions/publish/", publishing.publish, name="publish"),
    path("<int:survey_id>/questions/correct/", publishing.correct, name="correct"),
    path("<int:survey_id>/questions/<slug:code>/", editing.one, name="question"),
    path("<int:survey_id>/questions/<slug:code>/move/", editing.move, name="move"),
    path("<int:survey_id>/questions/<slug:code>/delete/", editing.delete, name="delete"),
    path("<int:survey_id>/try/", trying.walk, name="try"),
    path("<int:survey_id>/do/<slug:name>/", looking.act, name="act"),
]
