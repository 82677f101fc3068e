"""The rows of a report's table, and the lists of its filters.

They are written here and not by a template: a page may have two thousand rows.
"""

from collections.abc import Iterator

from django import template
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import escape, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _, ngettext

from tracking.markup import fill
from tracking.report_forms import Choices
from tracking.reports import Row, Summary, Sums
from tracking.templatetags.durations import clock

register = template.Library()

CHECKED = SafeString(" checked")
DOT = (
    '<svg class="dot" viewBox="0 0 10 10" aria-hidden="true" focusable="false">'
    '<circle cx="5" cy="5" r="5" fill="{}"/></svg>'
)
TOLD = {("client", "project"), ("project", "task")}  # the row above names what stands beside these
BESIDE = ' <span class="report-beside">{}</span>'
CHOICE = (
    '<li><label><input class="form-check-input" type="checkbox" name="{}" value="{}"{}>'
    " <span>{}{}</span></label></li>"
)


@register.simple_tag
def report_rows(summary: Summary) -> SafeString:
    """The rows of a page of a report, each with those within."""
    return mark_safe("\n".join(_rows(summary)))  # noqa: S308  # each is escaped


@register.simple_tag
def report_choices(choices: Choices) -> SafeString:
    """What may be chosen of a kind, above all that was."""
    chosen = {one.key for one in choices.chosen}
    every = [*choices.chosen, *choices.others]
    return format_html_join(
        "",
        CHOICE,
        (
            (
                choices.name,
                one.value,
                CHECKED if one.key in chosen else "",
                one.name,
                fill(BESIDE, one.beside) if one.beside else "",
            )
            for one in every
        ),
    )


@register.simple_tag
def report_figures(summary: Summary, sums: Sums, query: str, share: float = 100.0) -> SafeString:
    """The cells of sums: time, as rounded, billable, money and share; time leads to its entries."""
    figures = _figures(summary, sums, query, share, reverse("report_entries"))
    return mark_safe(figures)  # noqa: S308  # each is escaped


@register.simple_tag
def report_columns(summary: Summary) -> list[str]:
    """The headings of a report's figures, in their order."""
    return columns(summary)


@register.filter
def unlocalized(share: float) -> str:
    """A number as scripts read it."""
    return f"{share:.2f}"


@register.filter
def percent(share: float) -> str:
    """A share of a hundred as people of the active language write it."""
    return f"{number_format(round(share, 1), 1, use_l10n=True)}\N{NO-BREAK SPACE}%"


# --- parts ---------------------------------------------------------------------------------------
# Plain strings: of all that stands in a row, only names and queries are not of figures alone.


def columns(summary: Summary) -> list[str]:
    """The headings of a report's figures, in their order."""
    return [
        _("Time"),
        *([_("Rounded")] if summary.question.rounding.rounds else []),
        _("Billable"),
        *([_("Money")] if summary.has_money else []),
        _("Share"),
    ]


def _rows(summary: Summary) -> Iterator[str]:
    entries, reports = reverse("report_entries"), reverse("reports")
    empty = "<td></td>" * len(columns(summary))
    for place, row in enumerate(summary.rows):
        yield _row(summary, row, "report-row", entries, " data-first-row" if place == 0 else "")
        for inner in row.rows:
            yield _row(summary, inner, "report-within", entries)
        if row.more:
            words = ngettext("%(count)d more", "%(count)d more", row.more) % {"count": row.more}
            link = f'<a href="{reports}?{escape(row.more_query)}">{escape(words)}</a>'
            kind = "report-within report-more"
            yield f'<tr class="{kind}"><th scope="row">{link}</th>{empty}</tr>'


def _row(summary: Summary, row: Row, kind: str, entries: str, more: str = "") -> str:
    dot = fill(DOT, row.color) if row.color else ""
    told = (summary.question.groups[0], row.group) in TOLD
    beside = fill(BESIDE, row.beside) if row.beside and not told else ""
    name = f'{dot}<span class="report-name">{escape(row.name)}</span>{beside}'
    figures = _figures(summary, row.sums, row.query, row.share, entries)
    return f'<tr class="{kind}"{more}><th scope="row">{name}</th>{figures}</tr>'


def _figures(summary: Summary, sums: Sums, query: str, share: float, entries: str) -> str:
    feature = 'data-analytics-feature="report_entries"'
    time = f'<a href="{entries}?{escape(query)}" {feature}>{clock(sums.raw_time)}</a>'
    cells = [time, clock(sums.billable_time)]
    if summary.question.rounding.rounds:
        cells.insert(1, clock(sums.time))
    if summary.has_money:
        cells.append("<br>".join(escape(one) for one in sums.money))
    cells.append(percent(share))
    return "".join(f'<td class="num">{cell}</td>' for cell in cells)
