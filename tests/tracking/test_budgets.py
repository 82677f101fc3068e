from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone, translation

from tracking.budgets import Budget, Spent, budget_of, spent_on
from tracking.models import Client, Project, Rate, TimeEntry
from tracking.money import money, worth
from tracking.typed import EARLIEST

pytestmark = pytest.mark.django_db
EIGHT = datetime(2026, 5, 4, 8, tzinfo=UTC)


def spend(user, project, *, seconds: int, billable: bool = True) -> TimeEntry:
    end = EIGHT + timedelta(seconds=seconds)
    return TimeEntry.objects.create(
        user=user, project=project, started_at=EIGHT, ended_at=end, billable=billable
    )


def plain(text: object) -> str:
    """Without the difference between the kinds of spaces."""
    return str(text).replace("\N{NO-BREAK SPACE}", " ")


class TestSpent:
    def test_it_sums_everybodys_time_and_the_billable_part_of_it(self, bob, charlie, dora, work):
        spend(bob, work.shop, seconds=3600)
        spend(charlie, work.shop, seconds=1800)
        spend(charlie, work.shop, seconds=900, billable=False)
        spend(bob, work.garden, seconds=60)

        assert spent_on([work.shop.pk, work.garden.pk], seen_by=dora) == {
            work.shop.pk: Spent(timedelta(minutes=105), timedelta(minutes=90)),
            work.garden.pk: Spent(timedelta(minutes=1), timedelta(minutes=1)),
        }

    def test_who_manages_nothing_sees_their_own_time(self, bob, charlie, work):
        spend(bob, work.shop, seconds=3600)
        spend(charlie, work.shop, seconds=1800)

        hour = timedelta(hours=1)
        assert spent_on([work.shop.pk], seen_by=bob) == {work.shop.pk: Spent(hour, hour)}

    def test_it_counts_no_running_timer_before_it_is_stopped(self, bob, work):
        TimeEntry.objects.create(user=bob, project=work.shop, started_at=timezone.now())
        assert spent_on([work.shop.pk], seen_by=bob) == {work.shop.pk: Spent()}

    def test_it_asks_once_however_many_projects_there_are(
        self, bob, work, django_assert_num_queries
    ):
        keys = [Project.objects.create(name=f"P{number}").pk for number in range(60)]
        with django_assert_num_queries(1):
            assert len(spent_on([*keys, work.shop.pk], seen_by=bob)) == 61

    def test_it_reads_the_index_alone(self, dora, work):
        """With a million entries, reading their rows would take too long."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        if connection.vendor != "sqlite":
            pytest.skip("PostgreSQL's planner reads small tables as a whole.")
        with CaptureQueriesContext(connection) as queries:
            spent_on([work.shop.pk], seen_by=dora)
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN " + queries[0]["sql"])
            plan = " ".join(str(row[-1]) for row in cursor.fetchall())
        assert "COVERING INDEX tracking_entry_project_sum" in plan


class TestWorth:
    @pytest.mark.parametrize(
        ("seconds", "cents", "expected"),
        [
            (3600, 8500, 8500),
            (1, 8500, 2),  # 2.36
            (18, 100, 1),  # 0.5: half a cent goes up
            (17, 100, 0),
            (3 * 1800, 3333, 5000),  # 4999.5
            (0, 8500, 0),
            (3600, None, 0),
            (1_000_000_000, 10**9, 277_777_777_777_778),
        ],
    )
    def test_it_is_exact_to_the_cent(self, bob, dora, work, seconds, cents, expected):
        assert worth(seconds, cents) == expected
        spend(bob, work.shop, seconds=seconds)
        TimeEntry.objects.update(rate_cents=cents)
        assert spent_on([work.shop.pk], seen_by=dora)[work.shop.pk].cents == expected

    def test_it_rounds_each_entry_so_that_lists_and_sums_agree(self, bob, dora, work):
        Rate.objects.create(project=work.shop, since=EARLIEST, cents=100)
        for _entry in range(3):
            spend(bob, work.shop, seconds=20)  # 0.56 cents
        assert spent_on([work.shop.pk], seen_by=dora)[work.shop.pk].cents == 3

    def test_it_counts_billable_time_at_the_rates_that_are_kept(self, bob, dora, work):
        rate = Rate.objects.create(project=work.shop, since=EARLIEST, cents=8000)
        spend(bob, work.shop, seconds=3600)
        Rate.objects.filter(pk=rate.pk).update(cents=9000)
        spend(bob, work.shop, seconds=3600)
        spend(bob, work.shop, seconds=3600, billable=False)
        assert spent_on([work.shop.pk], seen_by=dora)[work.shop.pk].cents == 17000


class TestBudget:
    def test_it_counts_all_time_against_hours(self):
        project = Project(budget_hours=Decimal(40))
        budget = budget_of(project, Spent(timedelta(hours=12, minutes=30), timedelta()))

        assert budget is not None
        assert plain(budget) == "12:30 of 40:00 h (31 %)"
        assert plain(budget.rest) == "27:30 h left"
        assert (budget.percent, budget.bar, budget.over) == (31, 31, False)

    def test_it_counts_the_worth_of_time_against_money(self):
        project = Project(client=Client(name="Helix", currency="USD"), budget_money=Decimal(1200))
        budget = budget_of(project, Spent(timedelta(hours=100), timedelta(hours=10), 86000))

        assert plain(budget) == "860.00 USD of 1,200.00 USD (71 %)"

    def test_it_says_in_words_what_is_over(self):
        project = Project(budget_hours=Decimal("1.5"))
        budget = budget_of(project, Spent(timedelta(hours=4), timedelta()))

        assert budget is not None
        assert plain(budget) == "4:00 of 1:30 h (266 %)"
        assert plain(budget.rest) == "over budget by 2:30 h"
        assert (budget.bar, budget.over) == (100, True)

    def test_it_is_full_only_when_all_is_spent(self):
        project = Project(budget_hours=Decimal(1))
        found = [
            budget_of(project, Spent(timedelta(minutes=59, seconds=59), timedelta())),
            budget_of(project, Spent(timedelta(hours=1), timedelta())),
        ]
        shown = [(budget.percent, budget.over) for budget in found if budget]
        assert shown == [(99, False), (100, False)]

    def test_it_shows_that_something_was_begun(self):
        project = Project(budget_hours=Decimal(1000))
        found = [
            budget_of(project, Spent()),
            budget_of(project, Spent(timedelta(minutes=1), timedelta())),
        ]
        assert [(budget.percent, budget.bar) for budget in found if budget] == [(0, 0), (0, 1)]

    def test_it_takes_the_largest_budgets(self):
        project = Project(budget_hours=Decimal("99999999.99"))
        assert plain(budget_of(project, Spent())) == "0:00 of 99999999:59 h (0 %)"

    def test_a_project_without_one_has_none(self):
        assert budget_of(Project(), Spent(timedelta(hours=1), timedelta())) is None

    def test_money_without_a_rate_is_worth_nothing(self):
        budget = budget_of(Project(budget_money=Decimal(10)), Spent(timedelta(1), timedelta(1)))
        assert isinstance(budget, Budget)
        assert budget.spent == 0

    def test_it_writes_amounts_as_the_language_does(self):
        assert plain(money(Decimal("1234.5"), "EUR")) == "1,234.50 EUR"
        with translation.override("de"):
            assert plain(money(Decimal("1234.5"), "EUR")) == "1.234,50 EUR"
