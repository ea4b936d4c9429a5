"""/partners/redeem/"""

from django.urls import path

from campaigns.portal.till.views import redeem

app_name = "redeem"
urlpatterns = [path("", redeem, name="page")]
