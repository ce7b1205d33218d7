"""A declared workbook becomes an .xlsx file: tables of any length, figures with charts, parameters.

Floor 1: no models, no settings. Rows are streamed, so memory does not grow with them.
"""

from exports.workbook.cells import Kind
from exports.workbook.package import MAX_ROWS, write_workbook
from exports.workbook.sheets import (
    Chart,
    Column,
    Figure,
    Figures,
    Group,
    Parameters,
    Sheet,
    Table,
    Urgent,
)
from exports.workbook.values import Marked

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

__all__ = [
    "CONTENT_TYPE",
    "MAX_ROWS",
    "Chart",
    "Column",
    "Figure",
    "Figures",
    "Group",
    "Kind",
    "Marked",
    "Parameters",
    "Sheet",
    "Table",
    "Urgent",
    "write_workbook",
]
