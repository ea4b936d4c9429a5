"""/admin/survey/"""

from django.urls import path

from surveys.staff import detail, editor, publishing, quota_grid, try_out

app_name = "survey"
urlpatterns = [
    path("try/", try_out.choose, name="choose"),
    path("<int:survey_id>/", detail.look, name="page"),
    path("<int:survey_id>/forecast/", detail.forecast, name="forecast"),
    path("<int:survey_id>/progress/", detail.progress, name="progress"),
    path("<int:survey_id>/cells/", quota_grid.fill, name="cells"),
    path("<int:survey_id>/questions/", editor.questions, name="questions"),
    path("<int:survey_id>/questions/new/", editor.new, name="new_question"),
    path("<int:survey_id>/questions/preview/", editor.show, name="preview"),
    path("<int:survey_id>/questions/publish/", publishing.publish, name="publish"),
    path("<int:survey_id>/questions/correct/", publishing.correct, name="correct"),
    path("<int:survey_id>/questions/<slug:code>/", editor.one, name="question"),
    path("<int:survey_id>/questions/<slug:code>/move/", editor.move, name="move"),
    path("<int:survey_id>/questions/<slug:code>/delete/", editor.delete, name="delete"),
    path("<int:survey_id>/try/", try_out.walk, name="try"),
    path("<int:survey_id>/do/<slug:name>/", detail.act, name="act"),
]
