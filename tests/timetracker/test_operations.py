"""What docs/operations.md has people write and type is taken as it stands there."""

import re

import pytest
from django.core.management import get_commands

from tests.processes import ROOT, Site
from timetracker import gunicorn
from timetracker.startup import CANNOT_START

PAGE = (ROOT / "docs" / "operations.md").read_text()


def blocks(language: str, section: str) -> list[str]:
    """The blocks of code under a heading."""
    text = PAGE.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    for name in ("SECRET_KEY", "HTTPS", "DATABASE_URL"):
        del site.env[name]  # which the file sets
    return site


def test_the_file_of_variables_is_read_as_it_stands(site, tmp_path):
    file = tmp_path / "env"
    file.write_text(blocks("ini", "Install")[0].replace("…", "0123456789" * 4))
    facts = "s.SECRET_KEY, s.ALLOWED_HOSTS, s.TRUSTED_PROXY_COUNT, s.DATABASES['default']['HOST']"
    code = f"from django.conf import settings as s; print({facts})"

    done = site.manage("shell", "--no-imports", "--command", code, ENV_FILE=str(file))

    assert done.stdout.strip() == f"{'0123456789' * 4} ['time.example.org'] 1 127.0.0.1", (
        done.stderr
    )


@pytest.mark.parametrize(
    ("section", "number"),
    [(one, n) for one in ("OpenID Connect",) for n in range(len(blocks("ini", one)))],
)
def test_the_examples_of_providers_are_taken(site, tmp_path, section, number):
    file = tmp_path / "env"
    needed = {"AUTH_METHOD": "oidc", "OIDC_CLIENT_ID": "x", "OIDC_CLIENT_SECRET": "y"}
    file.write_text(blocks("ini", section)[number])

    done = site.manage("check", ENV_FILE=str(file), SECRET_KEY="0123456789" * 4, **needed)

    assert done.returncode == 0, done.stderr


def test_the_unit_starts_what_is_there_and_gives_up_where_trying_again_does_not_help():
    unit = dict(
        line.split("=", 1) for line in blocks("ini", "Install")[1].splitlines() if "=" in line
    )

    config = re.search(r"--config (\S+)", unit["ExecStart"])
    assert config
    assert (ROOT / config.group(1)).is_file()
    assert unit["WorkingDirectory"] == "/srv/timetracker"
    assert unit["ReadWritePaths"] == "/srv/timetracker/data"
    assert unit["RestartPreventExitStatus"] == str(CANNOT_START)
    assert gunicorn.graceful_timeout < 90, "what systemd waits before it kills"


def test_every_command_that_is_named_is_there():
    named = set(re.findall(r"manage\.py ([a-z_]+)", PAGE))

    assert {"migrate", "doctor", "collectstatic", "clearsessions"} <= named
    assert named <= set(get_commands())
