"""`manage.py create_api_token USER`: print a new API token."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bidiq.migrating import migrate
from searches.tokens import create_token


class Command(BaseCommand):
    help = "Cria um token da API e o mostra esta única vez."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--nome", default="", help="para reconhecê-lo depois")

    def handle(self, *, username: str, nome: str, **options: Any) -> None:
        migrate()
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"Não há usuário {username!r}.")
        if not user.is_active:
            raise CommandError(f"O usuário {username!r} está desativado: o token não valeria.")
        self.stdout.write(create_token(user, name=nome[:80]))
