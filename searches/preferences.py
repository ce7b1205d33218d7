"""How long who asks wants to wait: `Prefer: wait=N` (RFC 7240). Floor 6."""

import re

LONGEST_WAIT_SECONDS = 120
#: What stands between commas and semicolons, those in quotes left alone.
_PREFERENCE = re.compile(r'(?:"(?:\\.|[^"\\])*(?:"|$)|[^,;"])+')
_WAIT = re.compile(r'\s*wait\s*=\s*("?)([0-9]+)\1\s*', re.IGNORECASE)


def asked_wait(header: str) -> int:
    """Return the seconds that a Prefer header asks for; what is no whole number asks for none."""
    for preference in _PREFERENCE.findall(header):
        if found := _WAIT.fullmatch(preference):
            digits = found[2].lstrip("0")[:4]  # more is more than the longest, whatever it is
            return min(int(digits or 0), LONGEST_WAIT_SECONDS)
    return 0
