"""The portal's addresses: allauth's own names for its pages, `partners:` for ours."""

from django.urls import include, path

from campaigns.portal import views, views_keys, views_offers, views_team, views_uploads

pages = [
    path("", views.overview, name="overview"),
    path("join/<str:token>/", views.join, name="join"),
    path("offers/", views_offers.offer_list, name="offers"),
    path("offers/new/", views_offers.create, name="offer_new"),
    path("offers/preview/", views_offers.preview_message, name="offer_preview"),
    path("offers/<int:pk>/", views_offers.offer_page, name="offer"),
    path("offers/<int:pk>/edit/", views_offers.edit, name="offer_edit"),
    path("offers/<int:pk>/submit/", views_offers.submit, name="offer_submit"),
    path("offers/<int:pk>/withdraw/", views_offers.withdraw, name="offer_withdraw"),
    path("offers/<int:pk>/codes/", views_offers.bring_codes, name="offer_codes"),
    path("offers/<int:pk>/end/", views_offers.end, name="offer_end"),
    path("uploads/", views_uploads.upload_list, name="uploads"),
    path("uploads/template.<str:kind>", views_uploads.template, name="upload_template"),
    path("uploads/<int:pk>/", views_uploads.upload_page, name="upload"),
    path("uploads/<int:pk>/progress/", views_uploads.progress, name="upload_progress"),
    path("uploads/<int:pk>/confirm/", views_uploads.confirm, name="upload_confirm"),
    path("uploads/<int:pk>/discard/", views_uploads.discard, name="upload_discard"),
    path("keys/", views_keys.key_list, name="keys"),
    path("keys/new/", views_keys.connect, name="key_new"),
    path("keys/<int:pk>/issue/", views_keys.issue, name="key_issue"),
    path("keys/<int:pk>/revoke/<slug:key_id>/", views_keys.revoke, name="key_revoke"),
    path("team/", views_team.team, name="team"),
    path("team/invite/", views_team.invite, name="invite"),
    path("team/invitations/<int:pk>/withdraw/", views_team.withdraw_invitation, name="invitation_withdraw"),
    path("team/<int:pk>/role/", views_team.change_role, name="member_role"),
    path("team/<int:pk>/remove/", views_team.remove, name="member_remove"),
]

urlpatterns = [
    path("account/", include("campaigns.portal.account_urls")),
    path("", include((pages, "partners"))),
]
