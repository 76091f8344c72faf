"""Runs in the environment of the extras: validates a RO-Crate without the internet.

    python -P validate_crate.py PROFILE FOLDER

In place of the context of RO-Crate 1.1 stands that of 1.3, of which rocrate has a copy, with the older addresses of
Bioschemas; nothing else is fetched.
"""

import io
import sys
import urllib.request
from email.message import Message
from importlib.resources import files
from urllib.response import addinfourl

import requests

CONTEXT = "https://w3id.org/ro/crate/1.1/context"


def answer(request, *_, **__) -> addinfourl:
    """What a server would answer for the context."""
    address = getattr(request, "full_url", request)
    if address != CONTEXT:
        raise OSError(f"{address} is not asked for in tests")
    headers = Message()
    headers["Content-Type"] = "application/ld+json"
    content = files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()
    content = content.replace(
        b"https://bioschemas.org/terms/", b"https://bioschemas.org/"
    )  # as in version 1.1
    return addinfourl(io.BytesIO(content), headers, CONTEXT, 200)


def answer_to_requests(session, method, address, **_) -> requests.Response:
    """The same for the library requests."""
    response = requests.Response()
    response.url, response.status_code, response.raw = address, 200, answer(address)
    response.headers["Content-Type"] = "application/ld+json"
    return response


urllib.request.urlopen = answer
requests.Session.request = answer_to_requests

import rdflib._networking  # noqa: E402

rdflib._networking.urlopen = answer

from rocrate_validator import models, services  # noqa: E402

profile, folder = sys.argv[1:]
settings = services.ValidationSettings(
    rocrate_uri=folder,
    profile_identifier=profile,
    requirement_severity=models.Severity.REQUIRED,
    abort_on_first=False,
)
result = services.validate(settings)
for issue in result.get_issues():
    print(issue.severity.name, issue.check.identifier, issue.message)
print("valid" if result.passed() else "not valid")
