"""What every template may show about the site itself."""

from django.conf import settings
from django.http import HttpRequest

from bidiq import condition


def site(request: HttpRequest) -> dict[str, object]:
    """Return whether the data is a demonstration (the page says so on every view), and in short
    sentences what works worse than it should at this moment."""
    return {
        "demo": settings.BIDIQ_DEMO,
        "login_required": settings.BIDIQ_LOGIN_REQUIRED,
        "degraded": condition.degraded(),
    }
