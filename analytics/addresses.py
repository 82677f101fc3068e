"""A request's path without what a person or a secret may have put into it."""

import re
from functools import lru_cache
from uuid import UUID

from django.contrib.admindocs.utils import (
    remove_non_capturing_groups,
    replace_metacharacters,
    replace_named_groups,
    replace_unnamed_groups,
)
from django.http import HttpRequest
from django.urls import get_script_prefix

PLACEHOLDER = re.compile(r"<(?:[^<>:]+:)?([^<>]+)>")


def clean_path(request: HttpRequest) -> str | None:
    """The path of the route that the request matched; None where it matched none.

    Arguments that the route declares as integer or UUID stand as they are; every other becomes its
    parameter's name: reset keys, names and searches sit in paths too.
    """
    match = request.resolver_match
    if match is None or match.route is None:
        return None

    def argument(found: re.Match[str]) -> str:
        value = match.kwargs.get(found[1])
        return str(value) if isinstance(value, int | UUID) else found[1]

    return get_script_prefix() + PLACEHOLDER.sub(argument, readable(match.route)).lstrip("/")


@lru_cache(maxsize=1024)
def readable(route: str) -> str:
    """A route as people write it: regular expressions become `<name>` placeholders."""
    for step in (
        remove_non_capturing_groups,
        replace_named_groups,
        replace_unnamed_groups,
        replace_metacharacters,
    ):
        route = step(route)
    return route.replace("\\", "")
