"""/admin/prompts/"""

from django.urls import path

from messaging import prompt_views

app_name = "prompts"
urlpatterns = [path("<int:prompt_id>/sound/", prompt_views.sound, name="sound")]
