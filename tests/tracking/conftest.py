"""Projects and tasks to spend time on."""

from typing import Any, NamedTuple

import pytest

from tracking.models import Client, Project, Task


class Work(NamedTuple):
    """A client's project with a task, and a project of nobody's."""

    client: Client
    shop: Project
    checkout: Task
    garden: Project


@pytest.fixture
def work(db: None) -> Work:
    aurora = Client.objects.create(name="Aurora Coffee")
    shop = Project.objects.create(client=aurora, name="Online shop", color="#2a7f9e")
    checkout = Task.objects.create(project=shop, name="Checkout")
    return Work(aurora, shop, checkout, Project.objects.create(name="Garden"))


@pytest.fixture
def bob_in(client: Any, bob: Any) -> Any:
    """A client of bob, who is signed in."""
    client.force_login(bob, backend="accounts.backends.LocalBackend")
    return client
