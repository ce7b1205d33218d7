"""The socket's address."""

from django.urls import path, re_path

from searches import url_ids  # noqa: F401  (makes `id`)
from searches.consumers import ProgressConsumer, RefusingConsumer

websocket_urlpatterns = [
    path("ws/buscas/<id:search_id>/", ProgressConsumer.as_asgi()),
    re_path("", RefusingConsumer.as_asgi()),  # else an unknown address is an error of ours
]
