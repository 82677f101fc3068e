"""Typed reading of environment variables over django-environ.

Each variable is declared once, where `settings.py` reads it: name, kind, default and a sentence.
`.env.example` and `docs/configuration.md` are rendered from these declarations (`reference.py`).
"""

import json
import os
import re
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off"})

T = TypeVar("T")


class ConfigurationError(ImproperlyConfigured):
    """One line for the person who starts the site: the variable, its value, and what is allowed."""


@dataclass(frozen=True)
class Variable:
    """A declared environment variable, as the reference shows it.

    `default` is a value, or words where the default is found out at the start (not `constant`).
    """

    name: str
    section: str
    default: str
    constant: bool
    allowed: str
    sentence: str


class Environment:
    """Reads variables, those of the process before the file's; remembers what was declared."""

    def __init__(self, file: Path | None) -> None:
        self._section = ""
        self.variables: dict[str, Variable] = {}
        if file is not None:
            # Opened here: django-environ passes over a file that it may not read.
            try:
                with file.open(encoding="utf-8") as lines:
                    environ.Env.read_env(lines)
            except FileNotFoundError:
                pass
            except OSError as error:
                words = (
                    f"{file} cannot be read ({type(error).__name__}): run this as the site's user."
                )
                raise ConfigurationError(words) from error

    def section(self, title: str) -> None:
        """Put the variables that follow under this heading of the reference."""
        self._section = title

    def flag(self, name: str, default: bool, sentence: str) -> bool:
        """A switch, in any case."""

        def parse(value: str) -> bool:
            word = value.lower()
            if word not in TRUE | FALSE:
                raise ValueError
            return word in TRUE

        allowed = "true, 1, yes, on; or false, 0, no, off"
        return self._read(name, default, str(default).lower(), allowed, sentence, parse)

    def text(
        self,
        name: str,
        default: str,
        sentence: str,
        *,
        shape: str = ".*",
        allowed: str = "any text",
    ) -> str:
        """Text of the given shape (a regular expression)."""

        def parse(value: str) -> str:
            if not re.fullmatch(shape, value):
                raise ValueError
            return value

        return self._read(name, default, default, allowed, sentence, parse)

    def choice(
        self, name: str, choices: Collection[str], default: str, sentence: str, *, shown: str = ""
    ) -> str:
        """One of the given words, in any case; `shown` names a default that is found out."""

        def parse(value: str) -> str:
            word = value.lower()
            if word not in choices:
                raise ValueError
            return word

        allowed, constant = ", ".join(choices), not shown
        return self._read(
            name, default, shown or default, allowed, sentence, parse, constant=constant
        )

    def integer(
        self,
        name: str,
        default: int,
        sentence: str,
        *,
        minimum: int = 0,
        maximum: int | None = None,
    ) -> int:
        """A whole number, from `minimum` to `maximum`."""

        def parse(value: str) -> int:
            number = int(value)
            if number < minimum or (maximum is not None and number > maximum):
                raise ValueError
            return number

        end = "" if maximum is None else f" to {maximum}"
        allowed = f"a whole number from {minimum}{end}"
        return self._read(name, default, str(default), allowed, sentence, parse)

    def words(
        self, name: str, default: list[str], sentence: str, *, shape: str, allowed: str
    ) -> list[str]:
        """A list, separated by commas; each word of the given shape (a regular expression)."""

        def parse(value: str) -> list[str]:
            words = [word.strip() for word in value.split(",") if word.strip()]
            if not all(re.fullmatch(shape, word) for word in words):
                raise ValueError
            return words

        return self._read(name, default, ",".join(default), allowed, sentence, parse)

    def url(self, name: str, default: str, sentence: str) -> str:
        """An http or https address without query and fragment, kept as it was written."""

        def parse(value: str) -> str:
            parts = urlsplit(value)
            if (
                parts.scheme not in ("http", "https")
                or not parts.hostname
                or parts.port == 0  # reading it refuses what is no port
                or parts.query
                or parts.fragment
                or parts.username
            ):
                raise ValueError
            return value

        allowed = "an address such as https://host.example"
        return self._read(name, default, default, allowed, sentence, parse)

    def time_zone(self, name: str, default: str, sentence: str, *, shown: str = "") -> str:
        """A name of the IANA time zone database."""

        def parse(value: str) -> str:
            return ZoneInfo(value).key

        allowed = "an IANA name such as Europe/Berlin"
        return self._read(
            name, default, shown or default, allowed, sentence, parse, constant=not shown
        )

    def mapping(
        self, name: str, values: Collection[str], sentence: str, *, example: str
    ) -> dict[str, str]:
        """A JSON object of text to one of `values`."""

        def parse(value: str) -> dict[str, str]:
            parsed = json.loads(value)
            if not isinstance(parsed, dict) or not all(v in values for v in parsed.values()):
                raise ValueError
            return parsed

        return self._read(name, {}, "{}", f"JSON such as {example}", sentence, parse)

    def database(self, name: str, default: str, sentence: str) -> dict[str, Any]:
        """A database's address, as Django's `DATABASES` entry; never shown: it holds a password."""
        allowed = "sqlite:///path or postgres://user:password@host:5432/name"

        def parse(value: str) -> dict[str, Any]:
            config: dict[str, Any] = environ.Env.db_url_config(value)
            engines = ("django.db.backends.sqlite3", "django.db.backends.postgresql")
            if config["ENGINE"] not in engines or config["NAME"] in ("", ":memory:"):
                raise ValueError
            return config

        return self._read(name, parse(default), default, allowed, sentence, parse, secret=True)

    def email(self, name: str, sentence: str) -> dict[str, Any]:
        """A mail server's address, as Django's `EMAIL_*` settings; empty where there is none."""
        allowed = "smtp+tls://user:password@host:587, smtp+ssl://…, smtp://…, consolemail://"

        def parse(value: str) -> dict[str, Any]:
            config: dict[str, Any] = dict(environ.Env.email_url_config(value))
            if config["EMAIL_BACKEND"].endswith("smtp.EmailBackend") and not config["EMAIL_HOST"]:
                raise ValueError
            return config

        return self._read(name, {}, "", allowed, sentence, parse, secret=True)

    def secret(self, name: str, sentence: str, *, at_least: int = 1) -> str:
        """Text of so many characters that no message shows; empty where it is not set."""

        def parse(value: str) -> str:
            if len(value) < at_least:
                raise ValueError
            return value

        allowed = "a secret text" if at_least == 1 else f"at least {at_least} random characters"
        return self._read(name, "", "", allowed, sentence, parse, secret=True)

    def _read(
        self,
        name: str,
        default: T,
        shown: str,
        allowed: str,
        sentence: str,
        parse: Callable[[str], T],
        *,
        constant: bool = True,
        secret: bool = False,
    ) -> T:
        """The parsed value; the default where it is not set or empty (as compose files do)."""
        self.variables[name] = Variable(name, self._section, shown, constant, allowed, sentence)
        value = os.environ.get(name)
        if value is None or not value.strip():
            return default
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # django-environ's hold the parts of an address
                return parse(value.strip())
        except Exception as error:
            given = "set to a value that is not shown here" if secret else repr(value)
            raise ConfigurationError(f"{name} is {given}; allowed: {allowed}.") from error
