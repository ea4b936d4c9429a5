"""/admin/campaign/"""

from django.urls import path

from campaigns.staff import campaigns

app_name = "campaign"
urlpatterns = [
    path("<int:campaign_id>/", campaigns.look, name="page"),
    path("<int:campaign_id>/forecast/", campaigns.forecast, name="forecast"),
    path("<int:campaign_id>/progress/", campaigns.progress, name="progress"),
    path("<int:campaign_id>/<slug:name>/", campaigns.act, name="act"),
]
