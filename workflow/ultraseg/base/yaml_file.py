"""Reading YAML that somebody wrote: nothing in it is executed, and whatever is wrong is told with the file's name."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from ultraseg.base.errors import UserError

OCTAL = re.compile(r"[-+]?0[0-7_]+$")
MOST_DIGITS = (
    300  # no number of these files needs as many; Python refuses to read and to print very long ones
)


def read_text(file: str | os.PathLike[str]) -> str:
    """The text of a file in UTF-8. Raises UserError with the line that holds other bytes, OSError for no file."""
    content = Path(file).read_bytes()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:4]:
        raise UserError(
            f"{file}: is saved as UTF-16 or UTF-32, or is no text", "Save it as UTF-8 (plain text)."
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        shown = content[error.start : error.start + 1].decode("cp1252", "replace")
        raise UserError(
            f"{file}, line {line}: holds a character that is not UTF-8 (byte 0x{content[error.start]:02x}, "
            f"'{shown}' in Windows' encoding)",
            "Save it as UTF-8 (plain text); ANSI, Latin-1 and cp1252 are other encodings.",
        ) from error


def read_yaml(file: str | os.PathLike[str], what: str, as_written: bool = False) -> Any:
    """What a YAML file says. Raises UserError where it cannot be read; ``what`` tells what it should hold.

    ``as_written``: whole numbers that YAML takes for something else (0012 for 10, 1:30 for 90) are an error too.
    """
    try:
        return yaml.load(read_text(file), _AsWritten if as_written else yaml.SafeLoader)
    except RecursionError:
        raise UserError(f"{file}: is nested too deeply", f"Give a YAML file in UTF-8: {what}") from None
    except _Misread as error:
        raise UserError(
            f"{file}: cannot be read ({error})",
            "Write the number itself, without a 0 in front and without a colon, or put a text in quotes.",
        ) from None
    except yaml.YAMLError as error:
        raise UserError(
            f"{file}: cannot be read ({error})",
            "Indent with spaces, not tabs, and put texts with a colon, a backslash or a # in single quotes. Give a "
            f"YAML file in UTF-8: {what}",
        ) from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error})", f"Give a YAML file in UTF-8: {what}") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        # Values that look like numbers, dates and the like, and are none, such as 2024-13-45.
        raise UserError(
            f"{file}: holds a value that cannot be read ({type(error).__name__}: {error})",
            f"Give a YAML file in UTF-8: {what}",
        ) from None


class _Misread(yaml.MarkedYAMLError):
    """A number that YAML reads in another way than it is written."""


class _AsWritten(yaml.SafeLoader):
    """Refuses whole numbers that YAML reads in another way than they are written."""

    def construct_yaml_int(self, node: Any) -> Any:
        text, value = node.value, super().construct_yaml_int(node)
        if ":" in text or (OCTAL.match(text) and int(text.replace("_", "")) != value):
            mark = node.start_mark
            raise _Misread(problem=f"{text} is read as {value}", problem_mark=mark)
        return value


_AsWritten.add_constructor("tag:yaml.org,2002:int", _AsWritten.construct_yaml_int)
