"""Addresses of the pages (contract, section 3)."""

from django.urls import path

from searches import saved_views, url_ids, views  # noqa: F401  (url_ids makes `id`)

app_name = "searches"
urlpatterns = [
    path("", views.form, name="form"),
    path("buscas/", views.searches, name="list"),
    path("buscas/<id:search_id>/", views.detail, name="detail"),
    path("buscas/<id:search_id>/eventos/", views.events, name="events"),
    path("buscas/<id:search_id>/eventos.json", views.events_json, name="events_json"),
    path("buscas/<id:search_id>/cancelar/", views.cancel, name="cancel"),
    path("buscas/<id:search_id>/repetir/", views.repeat, name="repeat"),
    path("buscas/<id:search_id>/excel/", views.excel, name="excel"),
    path("buscas/<id:search_id>/salvar/", saved_views.save, name="save"),
    path("salvas/", saved_views.listing, name="saved"),
    path("salvas/<id:saved_id>/", saved_views.change, name="change_saved"),
    path("salvas/<id:saved_id>/buscar/", saved_views.run, name="run_saved"),
    path("salvas/<id:saved_id>/apagar/", saved_views.delete, name="delete_saved"),
    path("salvas/sem-email/<str:token>/", saved_views.stop_mail, name="stop_mail"),
]
