"""Reading a report from a file, whatever it is."""

from __future__ import annotations

import io
from datetime import UTC, tzinfo
from typing import IO

from laird.advice.reports.csv_reports import read_csv
from laird.advice.reports.json_reports import read_json
from laird.advice.reports.report import Report, ReportFormat, Tally
from laird.domain.errors import InvalidRequest

_BOM = b"\xef\xbb\xbf"
_LOOK = 4096


def read_report(file: IO[bytes], *, form: ReportFormat | None = None, zone: tzinfo = UTC) -> Report:
    """Read a report. A CSV file is read line by line, a JSON one as a whole.

    Args:
        file: The report, from its beginning; it must be able to seek.
        form: Its format; None looks for itself.
        zone: Where the report's days begin at midnight.

    Raises:
        InvalidRequest: the file is empty, or no report that Laird knows.
    """
    look = file.read(_LOOK)
    file.seek(len(_BOM) if look.startswith(_BOM) else 0)
    begin = look.removeprefix(_BOM).lstrip()
    if not begin:
        raise InvalidRequest("The report is empty.")
    tally = Tally(zone)
    if begin[:1] in {b"{", b"["}:
        return tally.report(read_json(file.read(), tally, form))
    if b"\0" in look:
        raise InvalidRequest("This is no text: export the report as CSV or JSON.")
    # What is no UTF-8 can only stand in names, and they need not be read to the letter.
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    try:
        return tally.report(read_csv(text, tally, form))
    finally:
        text.detach()
