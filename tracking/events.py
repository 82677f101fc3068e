"""The events of the time tracker. They tell that something was filled in, never what."""

from analytics.catalogue import Choice, Count, Duration, EventType, Feature, Flag, Kind, register

FILLED_IN: dict[str, Kind] = {
    "has_description": Flag(),
    "has_project": Flag(),
    "has_task": Flag(),
}
ENTRY: dict[str, Kind] = {"duration_seconds": Duration(), **FILLED_IN}
EXPORT: dict[str, Kind] = {"rows": Count(), "days": Count()}

register(
    Feature("archive", "Archiving a project, client or tag, and bringing it back."),
    Feature("calendar_add", "Adding time on a day of the calendar."),
    Feature("calendar_view", "The choice between week and day in the calendar."),
    Feature("entries_bulk", "Changing several entries at once."),
    Feature("entries_filter", "Narrowing the list of entries."),
    Feature("entry_add", "Adding time by hand."),
    Feature("entry_continue", "Continuing an entry from its row."),
    Feature("entry_edit", "Opening an entry to change it."),
    Feature("entry_split", "Splitting an entry."),
    Feature("import_confirm", "Importing a file that was checked."),
    Feature("import_file", "Choosing a file to import."),
    Feature("report_entries", "Opening the entries behind a figure of a report."),
    Feature("report_filter", "Narrowing, grouping or rounding a report."),
    Feature("report_print", "Printing a report."),
    Feature("report_save", "Saving a report under a name."),
    Feature("report_saved", "Opening a saved report."),
    Feature("week_add_row", "Adding a row to the week."),
    Feature("week_copy_rows", "Copying the rows of last week."),
    Feature("continue_latest", "The list of earlier work beside the timer."),
    Feature("list_filter", "Searching the list of projects, clients or tags."),
    Feature("shortcuts", "The list of keyboard shortcuts."),
    Feature("tag_add", "Adding a tag to the list of tags."),
    Feature("task_rename", "Renaming a task of a project."),
    Feature("undo", "The way back in the toast after something was deleted."),
)
register(
    EventType("timer.started", "A person started a timer.", FILLED_IN),
    EventType(
        "timer.stopped",
        "A person stopped a timer, or started another one.",
        {"duration_seconds": Duration(required=True), **FILLED_IN},
    ),
    EventType("timer.discarded", "A person threw a running timer away.", ENTRY),
    EventType("time_entry.created", "A person entered time by hand.", ENTRY),
    EventType("time_entry.updated", "A person changed an entry.", ENTRY),
    EventType("time_entry.deleted", "A person deleted an entry.", ENTRY),
    EventType("time_entry.split", "A person split an entry.", {"parts": Count()}),
    EventType("time_entry.duplicated", "A person duplicated an entry.", ENTRY),
    EventType(
        "time_entries.bulk_updated",
        "A person changed several entries at once.",
        {"action": Choice("move", "tag", "billable", "delete"), "entries": Count()},
    ),
    EventType("project.created", "A person made a project.", {"has_client": Flag()}),
    EventType("project.updated", "A person changed a project.", {"has_client": Flag()}),
    EventType("project.archived", "A person archived a project.", {"has_client": Flag()}),
    EventType("client.created", "A person made a client."),
    EventType("task.created", "A person made a task."),
    EventType("task.completed", "A person marked a task as done."),
    EventType("report.viewed", "A person looked at a report.", {"days": Count()}),
    EventType("export.csv", "A person exported time as CSV.", EXPORT),
    EventType("export.xlsx", "A person exported time as XLSX.", EXPORT),
    EventType(
        "import.completed",
        "A person imported time.",
        {"source": Choice("toggl", "clockify"), "rows": Count()},
    ),
)
