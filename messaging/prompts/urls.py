"""/admin/prompts/"""

from django.urls import path

from messaging.prompts import views

app_name = "prompts"
urlpatterns = [path("<int:prompt_id>/sound/", views.sound, name="sound")]
