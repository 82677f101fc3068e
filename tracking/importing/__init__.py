"""Time from elsewhere: files that Toggl and Clockify write, read as a stream.

    files    bytes → text → records, or a sentence that says what the file is instead
    layouts  the header → which column holds what
    lines    a record → a `Row` in one spelling → start and end in a time zone
    targets  names → people, projects, tasks and tags, the missing ones ready to be made

Nothing here writes into the database; `services.imports` does.
"""
