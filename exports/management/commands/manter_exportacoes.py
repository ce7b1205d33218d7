"""manage.py manter_exportacoes: move what waits for the object storage, expire what is due."""

from typing import Any

from django.core.management.base import BaseCommand

from bidiq.migrating import migrate
from exports.services import expire_due, promote_pending


class Command(BaseCommand):
    help = (
        "Promove para o armazenamento de objetos os arquivos que ficaram no banco de dados "
        "e apaga o conteúdo dos que passaram do prazo de retenção."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        migrate()
        promoted = promote_pending()
        expired = expire_due()
        self.stdout.write(
            f"promovidos: {promoted.done_count}, aguardando: {promoted.waiting_count}, "
            f"ausentes: {promoted.missing_count}; "
            f"expirados: {expired.done_count}, adiados: {expired.waiting_count}"
        )
