"""Settings: what a bad value says, what follows from a good one; each in a process of its own."""

import os
import re

import pytest

from tests.processes import ROOT, Site
from timetracker.environment import ConfigurationError, Environment
from timetracker.reference import pages
from timetracker.settings import env


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def setting(site, expression, **variables):
    """What an expression over the settings gives under these variables."""
    code = f"from django.conf import settings; print({expression})"
    done = site.manage("shell", "--no-imports", "--command", code, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("DEBUG", "maybe", "true, 1, yes, on; or false, 0, no, off"),
        ("ENABLE_TELEMETRY", "2", "true, 1, yes, on; or false, 0, no, off"),
        ("TRUSTED_PROXY_COUNT", "-1", "a whole number from 0"),
        ("TRUSTED_PROXY_COUNT", "two", "a whole number from 0"),
        ("WEB_CONCURRENCY", "0", "a whole number from 1 to 1000"),
        ("TIME_ZONE", "Middle/Earth", "an IANA name such as Europe/Berlin"),
        ("TZ", ":etc/x", "an IANA name such as Europe/Berlin"),
        ("ENVIRONMENT", "prod", "production, staging, development, test"),
        ("DEPLOYMENT_METHOD", "snap", "docker, native"),
        ("AUTH_METHOD", "saml", "local, oidc, both"),
        ("POSTHOG_HOST", "app.posthog.com", "an address such as https://"),
        ("POSTHOG_HOST", "ftp://app.posthog.com", "an address such as https://"),
        ("OIDC_ROLE_GROUP_MAP", '{"leads": "king"}', 'JSON such as {"time-leads": "manager"}'),
        ("OIDC_ROLE_GROUP_MAP", "[1]", "JSON such as"),
        ("OIDC_SCOPES", "profile", "words, openid among them"),
        ("ALLOWED_HOSTS", "https://time.example.org/", "host names such as time.example.org"),
        ("CSRF_TRUSTED_ORIGINS", "time.example.org", "origins such as https://"),
        ("DEFAULT_FROM_EMAIL", "nobody", "an e-mail address"),
        ("POSTHOG_HOST", "https://eu.posthog.com:abc", "an address such as https://"),
        ("SECOND_TIMER", "ask", "stop, refuse"),
        ("IDLE_TIMEOUT_MINUTES", "-5", "a whole number from 0 to 525600"),
        ("IDLE_TIMEOUT_MINUTES", "8h", "a whole number from 0 to 525600"),
        ("IDLE_TIMEOUT_MINUTES", "525601", "a whole number from 0 to 525600"),
        ("OVERLAPPING_ENTRIES", "true", "allow, refuse"),
        ("CURRENCY", "eur", "three capital letters (ISO 4217) such as EUR"),
        ("CURRENCY", "EURO", "three capital letters (ISO 4217) such as EUR"),
        ("CURRENCY", "€", "three capital letters (ISO 4217) such as EUR"),
        ("LOG_FORMAT", "xml", "line, json"),
        ("ADMIN_EMAILS", "root", "e-mail addresses, separated by commas"),
        ("ENABLE_EXPORTS", "never", "true, 1, yes, on; or false, 0, no, off"),
        ("ENABLE_IMPORTS", "never", "true, 1, yes, on; or false, 0, no, off"),
        ("ENABLE_REPORTS", "never", "true, 1, yes, on; or false, 0, no, off"),
    ],
)
def test_a_bad_value_stops_the_start_with_one_line(site, name, value, allowed):
    done = site.manage("check", **{name: value})

    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{name} is {value!r}; allowed: ")
    assert allowed in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://root:hunter2@db/x"),
        ("DATABASE_URL", "//root:hunter2@db/x"),
        ("DATABASE_URL", "postgres://"),
        ("DATABASE_URL", "sqlite://"),
        ("EMAIL_URL", "pigeon://bob:hunter2@coop"),
        ("EMAIL_URL", "smtp://"),
        ("SECRET_KEY", "hunter2"),
        ("METRICS_TOKEN", "hunter2"),
    ],
)
def test_a_bad_value_that_holds_a_password_is_not_shown(site, name, value):
    done = site.manage("check", **{name: value})

    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{name} is set to a value that is not shown here; allowed: ")
    assert "hunter2" not in line


def test_a_secret_key_is_required_unless_debugging(site):
    done = site.manage("check", SECRET_KEY="")

    assert done.returncode == 2
    assert done.stderr.startswith("SECRET_KEY is not set; allowed: at least 32 random characters")
    assert done.stderr.count("\n") == 1
    assert setting(site, "len(settings.SECRET_KEY) > 40", SECRET_KEY="", DEBUG="true") == "True"


@pytest.mark.parametrize("missing", ["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"])
def test_oidc_needs_its_three_variables(site, missing):
    given = {
        "OIDC_ISSUER": "https://id.example",
        "OIDC_CLIENT_ID": "timetracker",
        "OIDC_CLIENT_SECRET": "x",
    }
    done = site.manage("check", AUTH_METHOD="oidc", **{**given, missing: ""})

    assert done.stderr.startswith(f"{missing} is not set; AUTH_METHOD=oidc needs it")


def test_a_server_ends_with_the_same_line(site):
    """gunicorn must not try for ever: the worker's exit code tells it to give up."""
    import subprocess
    import sys

    command = [sys.executable, "-c", "import timetracker.wsgi"]
    environment = {**site.env, "DEBUG": "maybe"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 3
    assert re.fullmatch(r"DEBUG is 'maybe'; allowed: .*\n", done.stderr)


def test_the_check_for_deployment_is_clean(site):
    """With HTTPS, but for what is the policy of the domain's owner; without HTTPS it is not."""
    checks = ("check", "--deploy", "--fail-level", "WARNING")
    clean = site.manage(*checks, HTTPS="true", ALLOWED_HOSTS="time.example.org")
    plain = site.manage(*checks, HTTPS="false")

    assert clean.returncode == 0, clean.stderr
    assert "no issues (2 silenced)" in clean.stdout
    assert setting(site, "settings.SILENCED_SYSTEM_CHECKS") == "['security.W005', 'security.W021']"
    assert plain.returncode != 0
    assert "security.W012" in plain.stderr


@pytest.mark.parametrize("word", ["true", "1", "YES", "On"])
def test_a_switch_reads_words_of_any_case_as_on(site, word):
    assert setting(site, "settings.ENABLE_TELEMETRY", ENABLE_TELEMETRY=word) == "True"


@pytest.mark.parametrize("word", ["false", "0", "NO", "Off", ""])
def test_a_switch_reads_words_of_any_case_as_off(site, word):
    assert setting(site, "settings.ENABLE_TELEMETRY", ENABLE_TELEMETRY=word) == "False"


@pytest.mark.parametrize("empty", [True, False])
def test_telemetry_is_off_and_https_on_unless_told_otherwise(empty, site):
    """Empty variables, as compose files pass them on, are as good as none."""
    del site.env["HTTPS"]
    if empty:
        site.env |= {"HTTPS": "", "ENABLE_TELEMETRY": "", "DEBUG": ""}
    facts = "settings.ENABLE_TELEMETRY, settings.SECURE_SSL_REDIRECT, settings.DEBUG"
    assert setting(site, facts) == "False True False"


TRACKING = (
    "SECOND_TIMER",
    "IDLE_TIMEOUT_MINUTES",
    "OVERLAPPING_ENTRIES",
    "CURRENCY",
    "ENABLE_REPORTS",
    "ENABLE_EXPORTS",
    "ENABLE_IMPORTS",
)


@pytest.mark.parametrize(
    ("variables", "values"),
    [
        ({}, "stop 480 allow EUR True True True"),
        (
            {
                "SECOND_TIMER": "Refuse",
                "IDLE_TIMEOUT_MINUTES": "0",
                "OVERLAPPING_ENTRIES": "refuse",
                "CURRENCY": "CHF",
                "ENABLE_REPORTS": "off",
                "ENABLE_EXPORTS": "0",
                "ENABLE_IMPORTS": "no",
            },
            "refuse 0 refuse CHF False False False",
        ),
        (dict.fromkeys(TRACKING, ""), "stop 480 allow EUR True True True"),
    ],
)
def test_how_time_is_tracked_is_the_operators_choice(site, variables, values):
    assert (
        setting(site, f"*(getattr(settings, name) for name in {TRACKING})", **variables) == values
    )


def test_the_languages_are_english_and_german(site):
    assert setting(site, "settings.LANGUAGE_CODE, dict(settings.LANGUAGES)") == (
        "en {'en': 'English', 'de': 'Deutsch'}"
    )


def test_variables_of_the_process_win_over_the_file(site, tmp_path):
    (tmp_path / "env").write_text("TIME_ZONE=Europe/Berlin\nENVIRONMENT=staging\n")
    file = {"ENV_FILE": str(tmp_path / "env")}
    facts = "settings.TIME_ZONE, settings.ENVIRONMENT"

    assert setting(site, facts, **file) == "Europe/Berlin staging"
    assert setting(site, facts, **file, TIME_ZONE="Asia/Tokyo") == "Asia/Tokyo staging"


def test_a_file_that_may_not_be_read_is_named_instead_of_what_it_sets(tmp_path):
    """Whoever runs a command as another user is told so, and not that SECRET_KEY is missing."""
    file = tmp_path / "env"
    file.write_text("SECRET_KEY=hunter2\n")
    file.chmod(0)
    was_root = os.geteuid() == 0
    if was_root:  # who may read everything
        os.seteuid(10001)
    try:
        with pytest.raises(ConfigurationError) as refused:
            Environment(file)
    finally:
        if was_root:
            os.seteuid(0)

    assert str(refused.value).startswith(f"{file} cannot be read (PermissionError): run this as")
    assert "hunter2" not in str(refused.value)


def test_tz_is_the_time_zone_where_none_is_set(site):
    assert setting(site, "settings.TIME_ZONE", TZ="Asia/Tokyo") == "Asia/Tokyo"
    both = {"TZ": "Asia/Tokyo", "TIME_ZONE": "Europe/Berlin"}
    assert setting(site, "settings.TIME_ZONE", **both) == "Europe/Berlin"


def test_an_unrelated_setting_does_not_follow_telemetry(site):
    """Turning telemetry on or off touches nothing but telemetry."""
    facts = "settings.ANALYTICS['POSTHOG_HOST'], settings.SHARE_ANALYTICS_DEFAULT"
    assert setting(site, facts, ENABLE_TELEMETRY="true") == setting(site, facts)


def test_a_demo_counts_attempts_by_address_only(site):
    """By account, any visitor could shut the only one."""
    limit = "settings.ACCOUNT_RATE_LIMITS.get('login_failed')"
    assert setting(site, limit) == "None"  # allauth's own, by account and address
    assert setting(site, limit, DEMO_MODE="true") == "10/m/ip"


def test_the_embedded_database_waits_for_its_turn(site):
    assert setting(site, "settings.DATABASES['default']['OPTIONS']['transaction_mode']") == (
        "IMMEDIATE"
    )
    pragmas = (
        "from django.db import connection as c; k = c.cursor();"
        "print(*[k.execute(f'PRAGMA {p}').fetchone()[0]"
        " for p in ('journal_mode', 'synchronous', 'busy_timeout')])"
    )
    assert site.run(pragmas) == "wal 1 5000"


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_the_generated_pages_are_up_to_date(path):
    assert path.read_text() == pages()[path], "run `make docs`"


def test_three_lists_of_variables_agree():
    """Those that the settings read, those of `.env.example`, those of the reference."""
    example = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    reference = re.findall(
        r"^\| `([A-Z_]+)`", (ROOT / "docs" / "configuration.md").read_text(), re.MULTILINE
    )
    source = (ROOT / "timetracker" / "settings.py").read_text()
    read = re.findall(r'\benv\.[a-z_]+\(\s*"([A-Z_]+)"', source)

    assert sorted(example) == sorted(reference) == sorted(read) == sorted(env.variables)


def test_the_version_has_one_home():
    homes = [
        path.relative_to(ROOT)
        for app in ("timetracker", "analytics", "accounts", "tracking")
        for path in (ROOT / app).rglob("*.py")
        if re.search(r"""["']0\.1\.0["']""", path.read_text())
    ]
    assert [str(home) for home in homes] == ["timetracker/__init__.py"]


def test_who_is_told_of_errors_needs_a_mail_server(site):
    done = site.manage("check", ADMIN_EMAILS="root@example.org")

    assert done.returncode == 2
    assert done.stderr.startswith("ADMIN_EMAILS is set, but EMAIL_URL is not")
    facts = "settings.ADMIN_EMAILS, settings.LOGGING['root']['handlers']"
    both = {"ADMIN_EMAILS": "a@example.org, b@example.org", "EMAIL_URL": "smtp://127.0.0.1:1"}
    assert setting(site, facts, **both) == (
        "['a@example.org', 'b@example.org'] ['console', 'admins']"
    )
