"""Django's cache in the database, which says when it cannot write."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.cache.backends import db
from django.db import OperationalError, connections, router


class DatabaseCache(db.DatabaseCache):
    """Raises `OperationalError` where Django's own keeps silent: on a full disk, say, rate limits
    would take what they cannot count for too many attempts, and tell people so.
    """

    def _base_set(self, *args: Any, **kwargs: Any) -> bool:
        with self._noting_errors() as errors:
            done = bool(super()._base_set(*args, **kwargs))  # type: ignore[misc]  # has no stub
        if errors and not done:
            raise errors[-1]
        return done

    @contextmanager
    def _noting_errors(self) -> Iterator[list[OperationalError]]:
        errors: list[OperationalError] = []

        def note(execute: Callable[..., Any], *args: Any) -> Any:
            try:
                return execute(*args)
            except OperationalError as error:
                errors.append(error)
                raise

        with connections[router.db_for_write(self.cache_model_class)].execute_wrapper(note):
            yield errors
