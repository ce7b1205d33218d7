"""A declared workbook, written and opened again by somebody else's reader."""

import io

import openpyxl

from exports.workbook import write_workbook


def written(*sheets, title="Licitações"):
    file = io.BytesIO()
    write_workbook(file, title=title, sheets=list(sheets))
    file.seek(0)
    return file


def opened(*sheets, **options):
    return openpyxl.load_workbook(written(*sheets), **options)
