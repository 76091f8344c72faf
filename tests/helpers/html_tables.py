"""What a person reads in a page of the report."""

import re


def cells_of(text: str) -> list[list[str]]:
    """What is read in the first table, row by row."""
    body = text.split("<tbody>")[1].split("</tbody>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.S)
    return [[re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<td.*?</td>", row)] for row in rows]
