"""Django's cache in the database, which says when it cannot write."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.cache.backends import db
from django.db import OperationalError, connections, router, transaction


class DatabaseCache(db.DatabaseCache):
    """Raises `OperationalError` where Django's own keeps silent: on a full disk, say, rate limits
    would take what they cannot count for too many attempts, and tell people so; and a form whose
    mark went with the database would be taken for one that was sent before.
    """

    def _base_set(self, *args: Any, **kwargs: Any) -> bool:
        using = router.db_for_write(self.cache_model_class)
        # A transaction around Django's own: if its end fails, that is not passed over.
        with transaction.atomic(using=using), self._noting_errors() as errors:
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
