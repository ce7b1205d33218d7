"""What the OpenAPI document says of bodies and answers that the code reads and writes itself.

Floor 6. Bounds and tables are the code's own: nothing is written down here a second time.
"""

from searches.api_docs.operations import (
    CANCEL,
    DESCRIPTION,
    DOWNLOAD,
    MODALITIES,
    RESULT,
    SECTORS,
    START,
    STREAM,
    UNITS,
    finished,
)

__all__ = [
    "CANCEL",
    "DESCRIPTION",
    "DOWNLOAD",
    "MODALITIES",
    "RESULT",
    "SECTORS",
    "START",
    "STREAM",
    "UNITS",
    "finished",
]
