"""What belongs to an account. Floor 2."""

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """A bearer token; only its hash is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_tokens",
        verbose_name="usuário",
    )
    name = models.CharField("nome", max_length=80, blank=True)
    digest = models.CharField("resumo", max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField("criado em", auto_now_add=True)
    last_used_at = models.DateTimeField("usado em", null=True, blank=True)

    class Meta:
        verbose_name = "token da API"
        verbose_name_plural = "tokens da API"

    def __str__(self) -> str:
        return self.name or f"token {self.pk}"


class AddressRequest(models.Model):
    """A mail with a link, to confirm an address or to a new password: counted, so that nobody is
    pestered."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name="usuário"
    )
    #: a hash: the address of somebody who never answered is not ours to keep
    address_digest = models.CharField("resumo do endereço", max_length=64, db_index=True)
    asked_at = models.DateTimeField("pedido em", auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = "confirmação de e-mail"
        verbose_name_plural = "confirmações de e-mail"

    def __str__(self) -> str:
        return f"{self.user_id} {self.asked_at:%Y-%m-%d}"


class LoginAttempt(models.Model):
    """An attempt to log in that has not led to a login (yet), or a wish for a new password."""

    #: a hash: names are mistyped, and passwords are typed where names belong
    digest = models.CharField("resumo do nome e da origem", max_length=64, db_index=True)
    at = models.DateTimeField("em", auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = "tentativa de entrar"
        verbose_name_plural = "tentativas de entrar"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d}"
