"""/admin/proposals/."""

from django.urls import path

from core.access import proposal_pages

app_name = "proposals"
urlpatterns = [
    path("<int:proposal_id>/", proposal_pages.look, name="one"),
    path("<int:proposal_id>/confirm/", proposal_pages.confirm, name="confirm"),
    path("<int:proposal_id>/refuse/", proposal_pages.refuse, name="refuse"),
    path("<int:proposal_id>/withdraw/", proposal_pages.withdraw, name="withdraw"),
]
