"""Addresses of a notice: the public PNCP page, and the source's free text as a link. Floor 1."""

import re
from urllib.parse import urlsplit

_CONTROL_NUMBER = re.compile(r"([0-9A-Z]{14})-1-(\d{1,9})/(\d{4})", re.ASCII)
#: One or more schemes, with the slips seen: "https://https://", "HTTP:\\", "https//".
_SCHEMES = re.compile(r"(?:(https?)(?::[/\\]*|[/\\]{2}))+", re.ASCII | re.IGNORECASE)
_HOST = re.compile(r"(?:[^\W_](?:[\w-]*\w)?\.)+([^\W\d_]{2,}|xn--[a-z0-9-]+)(?::\d{1,5})?", re.I)
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?", re.ASCII)
#: What the store has room for. A longer address is none: cut, it would lead elsewhere.
_LONGEST = 2000
#: A last label that is a file's ending, not a domain: "edital.pdf".
_FILE_ENDINGS = frozenset({"pdf", "doc", "docx", "odt", "xls", "xlsx", "zip", "rar", "htm", "html"})


def portal_url(control_number: str) -> str:
    """Return the notice's public page, or "" when the key is not a purchase's control number."""
    match = _CONTROL_NUMBER.fullmatch(control_number)
    if match is None:
        return ""
    cnpj, sequence, year = match.groups()
    return f"https://pncp.gov.br/app/editais/{cnpj}/{year}/{int(sequence)}"


def origin_url(text: str) -> str:
    """Return the text as an http or https address, or "" when it is not one.

    A host without scheme gets https. Never returns another scheme, user names or blanks, nor more
    than 2,000 characters.
    """
    text = text.strip()
    schemes = _SCHEMES.match(text)
    if schemes is not None:
        scheme, rest = schemes.group(1).lower(), text[schemes.end() :]
    elif " " in text:
        return ""  # a sentence, not an address
    else:
        scheme, rest = "https", text.removeprefix("//")
    url = f"{scheme}://{rest.lstrip('/')}".replace(" ", "%20")
    if len(url) > _LONGEST:
        return ""
    try:
        host = urlsplit(url).netloc
    except ValueError:
        return ""
    match = _HOST.fullmatch(host)
    if match is not None:
        is_file = schemes is None and match.group(1).lower() in _FILE_ENDINGS
        return "" if is_file else url
    return url if schemes is not None and _ADDRESS.fullmatch(host) else ""
