"""`manage.py provision_posthog`, against PostHog's API as tests/posthog_api.py plays it."""

import io
import json
import socket

import pytest
from django.core.checks import Error
from django.core.management import CommandError, call_command
from django.test import override_settings

from analytics import provisioning
from analytics.checks import check_settings
from analytics.insights import cohorts, dashboards, insights
from analytics.insights.posthog import MARK, definitions
from tests.posthog_api import PROJECT, broken, posthog_api, the_next, throttled

ALL = len(dashboards) + len(insights) + len(cohorts)
NOTHING_TO_DO = f"0 created, 0 updated, {ALL} unchanged, 0 left alone.\n"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(provisioning, "PAUSES", (0.01, 0.01, 0.01))


@pytest.fixture
def api():
    with posthog_api() as api:
        yield api


@pytest.fixture
def no_socket(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)


def provision(api=None, *options, **settings):
    """Run the command: what it says, and what it says on the error stream."""
    out, err = io.StringIO(), io.StringIO()
    analytics = {"APP_VERSION": "1.2.3", **(api.settings if api else {}), **settings}
    with override_settings(ANALYTICS=analytics):
        call_command("provision_posthog", *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def failure(api, *options, **settings):
    """Run the command, which fails: its words."""
    with pytest.raises(CommandError) as caught:
        provision(api, *options, **settings)
    assert caught.value.returncode == 1
    return str(caught.value)


def names(api, kind):
    return sorted(one["name"] for one in api.objects[kind].values())


# --- making ---


def test_it_makes_all_that_is_declared(api):
    out, err = provision(api)

    assert out.endswith(f"{ALL} created, 0 updated, 0 unchanged, 0 left alone.\n")
    assert 'created     insight "Version distribution"\n' in out
    assert err == ""
    for kind, declared in {
        "dashboards": dashboards,
        "insights": insights,
        "cohorts": cohorts,
    }.items():
        assert names(api, kind) == sorted(one.name for one in declared.values())
    [health] = api.named("dashboards", "Installation Health")
    [versions] = api.named("insights", "Version distribution")
    assert versions["dashboards"] == [health["id"]]
    assert versions["saved"] is True
    assert versions["query"]["source"]["kind"] == "TrendsQuery"
    [recent] = api.named("cohorts", "Recent Installs")
    assert '"1.2.3"' in json.dumps(recent["filters"])


def test_a_second_run_changes_nothing(api):
    provision(api)
    api.calls.clear()

    out, err = provision(api)

    assert out.endswith(NOTHING_TO_DO)
    assert err == ""
    assert api.writes == []


def test_it_finds_its_own_beyond_the_first_page(api):
    api.longest_page = 3
    for number in range(7):
        api.by_hand("insights", name=f"Of a person {number}", saved=True)
    provision(api)
    for number in range(7):
        api.by_hand("cohorts", name=f"Of a person {number}")
    api.calls.clear()

    assert provision(api)[0].endswith(NOTHING_TO_DO)
    assert api.writes == []
    assert {call.query["offset"] for call in api.calls if call.path == "insights/"} > {"0", "3"}


# --- bringing up to date ---


def test_it_changes_what_differs_and_nothing_else(api):
    provision(api)
    [versions] = api.named("insights", "Version distribution")
    versions["query"]["source"]["dateRange"]["date_from"] = "-1d"
    api.calls.clear()

    out, _ = provision(api)

    assert 'updated     insight "Version distribution": query\n' in out
    [write] = api.writes
    assert (write.method, write.path) == ("PATCH", f"insights/{versions['id']}/")
    assert list(write.body) == ["query"]
    assert provision(api)[0].endswith(NOTHING_TO_DO)


def test_a_new_version_moves_the_cohort_of_recent_installs(api):
    provision(api)

    out, _ = provision(api, APP_VERSION="1.3.0")

    assert [line for line in out.splitlines() if line.startswith("updated")] == [
        'updated     cohort "Recent Installs": filters'
    ]
    [recent] = api.named("cohorts", "Recent Installs")
    assert '"1.3.0"' in json.dumps(recent["filters"])
    assert '"1.2.3"' not in json.dumps(recent["filters"])


def test_what_was_deleted_is_made_again_and_its_insights_stand_on_it(api):
    provision(api)
    [health] = api.named("dashboards", "Installation Health")
    health["deleted"] = True

    provision(api)

    [again] = api.named("dashboards", "Installation Health")
    [versions] = api.named("insights", "Version distribution")
    assert versions["dashboards"] == [again["id"]]
    assert provision(api)[0].endswith(NOTHING_TO_DO)


def test_an_insight_stays_on_the_dashboards_that_a_person_put_it_on(api):
    provision(api)
    mine = api.by_hand("dashboards", name="Mine")
    [versions] = api.named("insights", "Version distribution")
    [health] = api.named("dashboards", "Installation Health")
    versions["dashboards"] = [mine["id"]]

    provision(api)

    assert versions["dashboards"] == [health["id"], mine["id"]]
    versions["dashboards"].reverse()  # PostHog names no order
    assert provision(api)[0].endswith(NOTHING_TO_DO)


# --- what a person made ---


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("dashboards", "User Engagement"),
        ("insights", "Login methods"),
        ("cohorts", "Docker Admins"),
    ],
)
def test_an_object_made_by_hand_is_left_alone(api, kind, name):
    theirs = dict(api.by_hand(kind, name=name, description="Mine.", **saved(kind)))

    out, err = provision(api)

    assert api.named(kind, name) == [theirs]
    assert out.endswith(f"{ALL - 1} created, 0 updated, 0 unchanged, 1 left alone.\n")
    assert f'The {kind[:-1]} "{name}" was made by hand and is left alone' in err
    api.calls.clear()
    assert provision(api)[0].endswith(f"{ALL - 1} unchanged, 1 left alone.\n")
    assert api.writes == []


def test_out_of_the_way_ours_is_made(api):
    theirs = api.by_hand("dashboards", name="User Engagement")
    provision(api)
    theirs["name"] = "Mine"

    provision(api)

    [ours] = api.named("dashboards", "User Engagement")
    [methods] = api.named("insights", "Login methods")
    assert methods["dashboards"] == [ours["id"]]


def test_without_the_mark_it_is_theirs(api):
    provision(api)
    [methods] = api.named("insights", "Login methods")
    methods |= {"description": methods["description"].replace(MARK, ""), "query": None}

    assert 'left alone  insight "Login methods"\n' in provision(api)[0]
    assert methods["query"] is None


def test_a_copy_with_another_name_is_left_alone(api):
    provision(api)
    [methods] = api.named("insights", "Login methods")
    copied = {key: methods[key] for key in ("description", "saved")}
    api.by_hand("insights", name="Login methods (copy)", **copied)

    assert provision(api)[0].endswith(NOTHING_TO_DO)


def test_a_draft_that_nobody_saved_is_in_nobodys_way(api):
    api.by_hand("insights", name="Login methods", saved=False)

    provision(api)

    assert [one["saved"] for one in api.named("insights", "Login methods")] == [False, True]
    lists = [call.query for call in api.calls if call.path == "insights/" and not call.writes]
    assert all(query["basic"] == "true" for query in lists)  # PostHog calculates no results


def test_of_two_of_ours_the_older_counts(api):
    provision(api)
    [older] = api.named("insights", "Login methods")
    newer = api.by_hand("insights", **{key: older[key] for key in ("name", "description")})
    newer |= {"saved": True, "query": None}

    assert provision(api)[0].endswith(NOTHING_TO_DO)


def saved(kind):
    return {"saved": True} if kind == "insights" else {}


# --- when PostHog refuses, or is busy ---


def test_a_wrong_key_is_named_with_posthogs_words(api):
    words = failure(api, POSTHOG_PERSONAL_API_KEY="phx_wrong")

    assert words.startswith("The list of dashboards: PostHog answered 401: Personal API key found")
    assert "POSTHOG_PERSONAL_API_KEY" in words
    assert "phx_wrong" not in words
    assert len(api.calls) == 1


def test_a_key_without_the_right_to_write_is_told_which_it_needs(api):
    api.scopes = {"dashboard:write", "insight:read", "cohort:write"}

    words = failure(api)

    assert words.startswith('insight "Active installations in 24 h": PostHog answered 403: API key')
    assert "'insight:write'" in words
    assert "dashboard:write, insight:write and cohort:write" in words


def test_a_project_that_is_not_there_is_said(api):
    words = failure(api, POSTHOG_PROJECT_ID="7")

    assert "404: Project not found. Put POSTHOG_PROJECT_ID and POSTHOG_HOST right." in words


def test_it_waits_as_long_as_posthog_asks_for(api):
    api.before = throttled(2)

    out, err = provision(api)

    assert out.endswith(f"{ALL} created, 0 updated, 0 unchanged, 0 left alone.\n")
    assert err.count("Trying again in 0 s.") == 2
    assert "Request was throttled." in err


def test_it_does_not_wait_for_ever(api):
    api.before = throttled(1, seconds=3_000)

    assert "Expected available in 3000 seconds." in failure(api)
    assert len(api.calls) == 1


def test_it_gives_up_after_some_tries(api):
    api.before = throttled(100)

    assert "429" in failure(api)
    assert len(api.calls) == 4


def test_a_passing_fault_is_tried_again(api):
    api.before = broken(times=2, after=5)

    out, err = provision(api)

    assert out.endswith(f"{ALL} created, 0 updated, 0 unchanged, 0 left alone.\n")
    assert err.count("PostHog answered 500: A server error occurred.") == 2
    assert provision(api)[0].endswith(NOTHING_TO_DO)


def test_a_lost_answer_makes_nothing_twice(api):
    lost = iter([True])
    api.loses = lambda call: call.path == "insights/" and call.writes and next(lost, False)

    out, err = provision(api)

    assert "cannot be reached: ConnectionError. Trying again" in err
    assert names(api, "insights") == sorted(one.name for one in insights.values())
    assert out.endswith(f"{ALL} created, 0 updated, 0 unchanged, 0 left alone.\n")


def test_after_a_failure_half_way_the_next_run_goes_on(api):
    api.before = broken(after=9)

    words = failure(api)

    name = list(insights.values())[9 - len(dashboards)].name
    assert words == f'insight "{name}": PostHog answered 500: A server error occurred.'
    assert sum(map(len, api.objects.values())) == 9
    api.before = lambda call: None
    out, _ = provision(api)
    assert out.endswith(f"{ALL - 9} created, 0 updated, 9 unchanged, 0 left alone.\n")
    assert names(api, "insights") == sorted(one.name for one in insights.values())


def test_a_refusal_names_the_object_and_posthogs_words(api, monkeypatch):
    def unknown(version):
        made = definitions(version)
        made["cohorts"][0]["colour"] = "red"
        return made

    monkeypatch.setattr(provisioning, "definitions", unknown)

    assert failure(api) == (
        'cohort "Docker Admins": PostHog answered 400: colour: Unknown field: colour.'
    )


@pytest.mark.parametrize("answer", [["a", "list"], {}, {"status": "Ok"}, None, "<html>"], ids=str)
@pytest.mark.parametrize("writes", [False, True], ids=["list", "object"])
def test_an_answer_that_is_not_posthogs_is_said(api, answer, writes):
    api.before = the_next(1, (200, {}, answer), only_writes=writes)

    assert "not in PostHog's words; look at POSTHOG_HOST" in failure(api)


def test_it_follows_no_redirect(api):
    api.before = the_next(1, (302, {"Location": f"{api.url}/api/projects/{PROJECT}/cohorts/"}, {}))

    assert "PostHog answered 302" in failure(api)
    assert len(api.calls) == 1


def test_nobody_there_is_said(api):
    api.stop()

    assert f"{api.url} cannot be reached: ConnectionError." in failure(api)


# --- what is not set ---


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DO_NOT_TRACK": True}, "DO_NOT_TRACK is set"),
        ({"POSTHOG_PERSONAL_API_KEY": ""}, "POSTHOG_PERSONAL_API_KEY is not set"),
        ({"POSTHOG_PROJECT_ID": ""}, "POSTHOG_PROJECT_ID is not set"),
    ],
)
def test_without_all_that_it_needs_it_opens_no_socket(api, no_socket, settings, words):
    assert words in failure(api, **settings)
    assert api.connections == 0


@pytest.mark.parametrize("number", ["phx_secret", "1/../2", "¹", "-1", " 1"])
def test_a_project_number_that_is_none_is_an_error_of_the_configuration(number):
    with override_settings(ANALYTICS={"POSTHOG_PROJECT_ID": number}):
        [error] = [one for one in check_settings() if isinstance(one, Error)]

    assert error.id == "analytics.E005"
    assert "digits only" in error.msg
    assert number not in error.msg


# --- --dry-run ---


@pytest.mark.parametrize("settings", [{}, {"DO_NOT_TRACK": True, "POSTHOG_PROJECT_ID": "1"}])
def test_offline_it_prints_the_definitions_and_opens_no_socket(no_socket, settings):
    out, err = provision(None, "--dry-run", **settings)

    assert json.loads(out) == definitions("1.2.3")
    assert "set" in err


def test_where_nothing_answers_it_prints_the_definitions_too(api):
    api.stop()

    out, err = provision(api, "--dry-run")

    assert json.loads(out) == definitions("1.2.3")
    assert "cannot be reached" in err
    assert "Trying again" not in err


def test_online_it_says_what_would_change_and_changes_nothing(api):
    api.by_hand("cohorts", name="Docker Admins")
    api.calls.clear()

    out, err = provision(api, "--dry-run")

    assert 'created     dashboard "User Engagement"\n' in out
    assert 'left alone  cohort "Docker Admins"\n' in out
    assert out.splitlines()[-1] == (
        f"Nothing was changed. A run would say: {ALL - 1} created, 0 updated, 0 unchanged,"
        " 1 left alone."
    )
    assert "was made by hand" in err
    assert api.writes == []
    assert names(api, "insights") == []


def test_online_it_says_that_insights_would_move_to_a_dashboard_that_would_be_made(api):
    provision(api)
    [health] = api.named("dashboards", "Installation Health")
    health["deleted"] = True
    api.calls.clear()

    out, _ = provision(api, "--dry-run")

    assert 'created     dashboard "Installation Health"\n' in out
    assert 'updated     insight "Version distribution": dashboards\n' in out
    assert 'unchanged   insight "Login methods"\n' in out
    assert api.writes == []


def test_online_a_refusal_is_an_error(api):
    assert "401" in failure(api, "--dry-run", POSTHOG_PERSONAL_API_KEY="phx_wrong")
