"""This app's own events, persons and groups."""

from analytics.catalogue import (
    Choice,
    EventType,
    Flag,
    GroupType,
    Kind,
    Timestamp,
    TimeZone,
    Version,
    register,
    register_person_properties,
)

ENVIRONMENT = Choice("production", "staging", "development", "test")
DEPLOYMENT_METHOD = Choice("docker", "native")
PLATFORM = Choice("Linux", "Darwin", "Windows")
AUTH_METHOD = Choice("local", "oidc")

# What stands on every event beside its own properties.
CONTEXT: dict[str, Kind] = {
    "app_version": Version(),
    "environment": ENVIRONMENT,
    "deployment_method": DEPLOYMENT_METHOD,
}
TELEMETRY: dict[str, Kind] = {"platform": PLATFORM, "python_version": Version()}

register(
    EventType("auth.login", "A person signed in.", {"auth_method": AUTH_METHOD}),
    EventType("telemetry.install", "An installation reports for the first time.", TELEMETRY),
    EventType(
        "telemetry.update",
        "An installation runs another version than before.",
        {**TELEMETRY, "old_version": Version(required=True), "new_version": Version(required=True)},
    ),
    EventType("telemetry.health", "An installation is alive.", TELEMETRY),
    GroupType("version", "Installations of one version.", {"version_number": Version()}),
    GroupType("platform", "Installations on one platform.", {"platform_name": PLATFORM}),
)

register_person_properties(
    # of a person, at every sign-in
    role=Choice("admin", "manager", "user"),
    is_admin=Flag(),
    auth_method=AUTH_METHOD,
    last_login=Timestamp(),
    first_login=Timestamp(),
    signup_method=AUTH_METHOD,
    # of an installation, at every ping
    current_version=Version(),
    current_platform=PLATFORM,
    environment=ENVIRONMENT,
    deployment_method=DEPLOYMENT_METHOD,
    timezone=TimeZone(),
    last_seen=Timestamp(),
    first_seen_version=Version(),
    first_seen_platform=PLATFORM,
)
