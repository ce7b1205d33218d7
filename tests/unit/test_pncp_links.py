"""Addresses of a notice."""

import pytest

from searches.pncp.links import origin_url, portal_url


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("13880257000127-1-000020/2025", "https://pncp.gov.br/app/editais/13880257000127/2025/20"),
        ("AB345678000XYZ-1-000001/2026", "https://pncp.gov.br/app/editais/AB345678000XYZ/2026/1"),
        ("13880257000127-2-000020/2025", ""),  # a contract
        ("", ""),
        ("None", ""),
    ],
)
def test_the_public_page_comes_from_the_control_number(key, url):
    assert portal_url(key) == url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://a.gov.br/x?y=1#z", "https://a.gov.br/x?y=1#z"),
        ("http://a.gov.br", "http://a.gov.br"),
        ("HTTPS://A.GOV.BR/SITE", "https://A.GOV.BR/SITE"),
        ("a.gov.br", "https://a.gov.br"),
        ("a.gov.br/edital?id=2", "https://a.gov.br/edital?id=2"),
        ("//a.gov.br/edital", "https://a.gov.br/edital"),
        ("www.a.com.br:8080/x", "https://www.a.com.br:8080/x"),
        ("https://https://a.gov.br", "https://a.gov.br"),
        ("http:\\\\a.gov.br/x", "http://a.gov.br/x"),
        ("https//a.gov.br", "https://a.gov.br"),
        ("https://a.gov.br/um edital.pdf", "https://a.gov.br/um%20edital.pdf"),
        ("http://200.1.2.3:81/x", "http://200.1.2.3:81/x"),
        ("https://prefeitura.são.br/", "https://prefeitura.são.br/"),
    ],
)
def test_a_usable_address_has_a_scheme(text, url):
    assert origin_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "string",
        "#",
        "-",
        "N/A",
        "n.a.",
        "não se aplica",
        "javascript:alert(1)",
        "edital.pdf",
        "JavaScript:alert(document.domain)",
        "data:text/html,x",
        "ftp://a.gov.br/x",
        "http://",
        "mailto:x@a.gov.br",
        "licita@a.gov.br",
        "Lei 14.133",
        "14.133",
        "https://",
        "http://localhost",
        "veja www.a.gov.br",
        "https://user:pw@a.gov.br/",
        "https://[::1",
        "file:///etc/passwd",
        "/x/y",
        "javascript://a.gov.br/%0aalert(1)",
        "https://-a.gov.br",
    ],
)
def test_what_is_no_address_is_no_link(text):
    assert origin_url(text) == ""
