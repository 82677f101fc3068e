from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict

from tests.tracking.test_reports import spend
from tracking.models import Membership, Project, Tag
from tracking.report_forms import RANGES, ReportForm, days_of
from tracking.rounding import Rounding

SATURDAY = date(2028, 1, 1)
FRIDAY = date(2026, 11, 20)


def form(user, query="", today=FRIDAY):
    return ReportForm(user, QueryDict(query), today)


# --- the period ---


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", "2028-01-01", "2028-01-01"),
        ("this-week", "2027-12-27", "2028-01-02"),
        ("last-week", "2027-12-20", "2027-12-26"),
        ("this-month", "2028-01-01", "2028-01-31"),
        ("last-month", "2027-12-01", "2027-12-31"),
        ("this-year", "2028-01-01", "2028-12-31"),
        ("last-year", "2027-01-01", "2027-12-31"),
    ],
)
def test_it_knows_the_days_of_a_preset(name, first, last):
    assert days_of(name, SATURDAY, 0) == (date.fromisoformat(first), date.fromisoformat(last))
    assert name in RANGES


def test_a_week_starts_on_the_persons_first_day(bob):
    bob.week_start = 6

    asked = form(bob, "range=this-week").question()

    assert (asked.first, asked.last) == (date(2026, 11, 15), date(2026, 11, 21))


def test_it_asks_for_this_month_unless_told(bob):
    asked = form(bob).question()

    assert (asked.first, asked.last, asked.query) == (date(2026, 11, 1), date(2026, 11, 30), "")


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("since=2026-03-05&until=2026-04-06", (2026, 3, 5), (2026, 4, 6)),
        ("since=2026-03-05", (2026, 3, 5), (2026, 11, 20)),
        ("since=2026-12-05", (2026, 12, 5), (2026, 12, 5)),
        ("until=2026-04-06", (2026, 4, 1), (2026, 4, 6)),
        ("range=dates&since=2026-03-05&until=2026-03-05", (2026, 3, 5), (2026, 3, 5)),
    ],
)
def test_it_takes_free_dates(bob, query, first, last):
    asked = form(bob, query).question()

    assert (asked.first, asked.last) == (date(*first), date(*last))
    assert asked.query == f"since={asked.first}&until={asked.last}"


def test_dates_beside_a_preset_are_left_out_and_that_is_said(bob):
    asked = form(bob, "range=today&since=2026-01-01")

    assert (asked.first, asked.last) == (FRIDAY, FRIDAY)
    assert asked.notes == ["“Today” was chosen, so the dates were left out."]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=1926-01-01&until=2026-01-01", "ten years"),
        ("since=2016-01-01&until=2026-01-02", "ten years"),
        ("since=2026-02-01&until=2026-01-31", "before it begins"),
    ],
)
def test_a_period_that_cannot_be_added_up_is_refused(bob, query, words):
    asked = form(bob, query)

    assert words in asked.refusal
    with pytest.raises(ValidationError, match=words):
        asked.question()


def test_ten_years_are_taken(bob):
    assert form(bob, "since=2016-01-01&until=2025-12-31").question().days == 3653


# --- what makes no sense ---


@pytest.mark.parametrize(
    "query",
    [
        "range=yesterday",
        "range=%00",
        "since=2026-02-30",
        "until=0001-01-01",
        "since=9999-12-31",
        "by=colour",
        "then=colour",
        "billable=perhaps",
        "rounding=sideways",
        "minutes=0",
        "minutes=61",
        "minutes=many",
        "project=99",
        "project=%00",
        "project=-1",
        "project=²",
        "task=99999999999999999999",
        "tag=1e3",
        "client=;drop",
        "person=dora",
        "person=none",
        "person=018f0000-0000-7000-8000-000000000000",
    ],
)
def test_what_makes_no_sense_is_left_out_with_a_note(dora, query):
    asked = form(dora, query)

    assert len(asked.notes) == 1
    assert asked.question() == form(dora).question()


def test_of_several_only_what_is_not_there_is_left_out(dora, work):
    asked = form(dora, f"project={work.shop.pk}&project=99")

    assert asked.question().projects == (work.shop.pk,)
    assert "“Project”" in asked.notes[0]


def test_a_user_filters_neither_by_person_nor_by_what_they_do_not_see(bob, charlie, work):
    Membership.objects.create(project=work.shop, user=charlie)

    asked = form(
        bob, f"person={charlie.pk}&by=person&project={work.shop.pk}&client={work.client.pk}"
    )

    assert asked.question().projects == asked.question().clients == asked.question().people == ()
    assert asked.groups == ("project",)
    assert len(asked.notes) == 3
    assert "person" not in [list.name for list in asked.lists]
    shown = {one.name for list in asked.lists for one in [*list.chosen, *list.others]}
    assert shown.isdisjoint({"Online shop", "Aurora Coffee", "charlie"})


def test_a_user_may_ask_for_what_their_own_time_is_of(bob, charlie, work):
    spend(bob, work.shop)
    Membership.objects.create(project=work.shop, user=charlie)

    asked = form(bob, f"project={work.shop.pk}&client={work.client.pk}&task={work.checkout.pk}")

    assert asked.notes == []
    assert asked.question().projects == (work.shop.pk,)


# --- what is asked for ---


def test_it_asks_for_several_of_a_kind_and_for_none_of_it(dora, work):
    asked = form(dora, f"project=none&project={work.garden.pk}&project={work.shop.pk}&project=none")

    assert asked.question().projects == (None, work.garden.pk, work.shop.pk)
    assert asked.query == f"project=none&project={work.garden.pk}&project={work.shop.pk}"


def test_it_asks_for_groups_and_rounding(dora):
    asked = form(dora, "by=week&then=person&rounding=up&minutes=6&billable=no").question()

    assert asked.groups == ("week", "person")
    assert asked.rounding == Rounding("up", 6)
    assert asked.billable is False
    assert asked.query == "billable=no&by=week&then=person&rounding=up&minutes=6"


def test_a_group_within_itself_is_one_group(dora):
    assert form(dora, "by=client&then=client").groups == ("client",)


def test_its_query_asks_for_the_same(dora, work):
    tag = Tag.objects.create(name="call")
    query = (
        f"client={work.client.pk}&project=none&task={work.checkout.pk}&tag={tag.pk}&person={dora.pk}"
        "&billable=yes&by=tag&then=month&rounding=nearest&minutes=30&range=last-year"
    )

    asked = form(dora, query).question()

    assert form(dora, asked.query).question() == asked


def test_it_says_what_is_asked_for(dora, work):
    asked = form(
        dora, f"range=today&project={work.shop.pk}&billable=yes&then=day&rounding=up&minutes=5"
    )

    assert asked.words() == [
        "Today: Nov. 20, 2026",
        "Online shop",
        "Billable",
        "by Project, Day",
        "rounded up to 5 min",
    ]


def test_its_lists_are_bounded_until_all_are_asked_for(dora, django_assert_max_num_queries):
    Project.objects.bulk_create(Project(name=f"Project {number}") for number in range(80))

    with django_assert_max_num_queries(4):
        (few,) = [list for list in form(dora).lists if list.name == "project"]
    (all_of_them,) = [list for list in form(dora, "more=project").lists if list.name == "project"]

    assert (len(few.others), few.more) == (51, True)  # and those without a project
    assert (len(all_of_them.others), all_of_them.more) == (81, False)


def test_its_fields_show_what_counts(dora):
    asked = form(dora, "since=2026-03-05&minutes=99")

    assert asked["range"].value() == "dates"
    assert asked["until"].value() == "2026-11-20"
    assert asked["minutes"].value() == "15"
