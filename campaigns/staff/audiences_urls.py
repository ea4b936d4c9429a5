"""/admin/audiences/"""

from django.urls import path

from campaigns.staff import audiences

app_name = "audiences"
urlpatterns = [
    path("new/", audiences.new, name="new"),
    path("count/", audiences.count, name="count"),
    path("<int:audience_id>/", audiences.one, name="one"),
]
