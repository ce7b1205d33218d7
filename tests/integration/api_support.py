"""How tests ask the JSON API."""

import json


def post(client, body, headers, **extra):
    raw = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return client.post(
        "/api/buscar", raw, content_type="application/json", headers={**headers, **extra}
    )
