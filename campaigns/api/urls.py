"""/api/partners/v1/"""

from django.urls import path

from campaigns.api.results import ResultsView
from campaigns.api.uploads import ConfirmView, UploadedView, UploadsView
from campaigns.api.views import CodesView, OffersView, OfferView, RedemptionsView, SubmitView

app_name = "partner-api"
urlpatterns = [
    path("offers/", OffersView.as_view(), name="offers"),
    path("offers/<int:offer_id>/", OfferView.as_view(), name="offer"),
    path("offers/<int:offer_id>/submit/", SubmitView.as_view(), name="submit"),
    path("offers/<int:offer_id>/codes/", CodesView.as_view(), name="codes"),
    path("redemptions/", RedemptionsView.as_view(), name="redemptions"),
    path("results/", ResultsView.as_view(), name="results"),
    path("uploads/", UploadsView.as_view(), name="uploads"),
    path("uploads/<int:upload_id>/", UploadedView.as_view(), name="upload"),
    path("uploads/<int:upload_id>/confirm/", ConfirmView.as_view(), name="confirm"),
]
