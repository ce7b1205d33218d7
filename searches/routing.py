"""The socket's address."""

from django.urls import path

from searches.consumers import ProgressConsumer

websocket_urlpatterns = [
    path("ws/buscas/<uuid:search_id>/", ProgressConsumer.as_asgi()),
]
