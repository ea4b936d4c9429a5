"""/partners/surveys/."""

from django.urls import path

from surveys.sponsor import views

app_name = "sponsored"
urlpatterns = [
    path("", views.survey_list, name="list"),
    path("<int:pk>/", views.survey_page, name="page"),
]
