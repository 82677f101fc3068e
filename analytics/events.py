"""This app's own events, persons and groups."""

from analytics.catalogue import (
    Choice,
    EventType,
    FeatureName,
    Flag,
    GroupType,
    Identifier,
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
INTERACTIONS = ("clicked", "submitted")  # what `interactions.js` can tell

# What stands on every event beside its own properties.
CONTEXT: dict[str, Kind] = {
    "app_version": Version(),
    "environment": ENVIRONMENT,
    "deployment_method": DEPLOYMENT_METHOD,
    "platform": PLATFORM,
}
TELEMETRY: dict[str, Kind] = {"python_version": Version()}

register(
    EventType("auth.login", "A person signed in.", {"auth_method": AUTH_METHOD}),
    EventType("auth.logout", "A person signed out."),
    EventType("auth.signup", "A person made an account.", {"auth_method": AUTH_METHOD}),
    EventType(
        "auth.login_failed",
        "Somebody failed to sign in. Of no person.",
        of_nobody=True,
    ),
    EventType(
        "feature.used",
        "A person used a feature that has no event of its own.",
        {"feature_name": Identifier(required=True), "format": Choice("csv", "xlsx", "json", "pdf")},
    ),
    EventType(
        "feature_interaction",
        "A person used a marked part of a page.",
        {
            "feature_flag": FeatureName(required=True),
            "action": Choice(*INTERACTIONS, required=True),
        },
    ),
    EventType("telemetry.install", "An installation reports for the first time.", TELEMETRY),
    EventType(
        "telemetry.update",
        "An installation runs another version than before.",
        {**TELEMETRY, "old_version": Version(required=True), "new_version": Version(required=True)},
    ),
    EventType("telemetry.health", "An installation is alive.", TELEMETRY),
    EventType(
        "telemetry.test",
        "An admin asked whether PostHog answers. Of nobody where telemetry is off.",
        TELEMETRY,
    ),
    GroupType("version", "Installations of one version.", Version(), {"version_number": Version()}),
    GroupType("platform", "Installations on one platform.", PLATFORM, {"platform_name": PLATFORM}),
)

register_person_properties(
    # of a person, at every sign-in
    role=Choice("admin", "manager", "user"),
    is_admin=Flag(),
    auth_method=AUTH_METHOD,
    last_login=Timestamp(),
    first_login=Timestamp(),
    signup_method=AUTH_METHOD,
    app_version=Version(),
    plan=Choice("free", "pro", "enterprise"),
    signup_date=Timestamp(),
    # of an installation, at every ping (environment and deployment_method of persons, too)
    current_version=Version(),
    current_platform=PLATFORM,
    environment=ENVIRONMENT,
    deployment_method=DEPLOYMENT_METHOD,
    timezone=TimeZone(),
    last_seen=Timestamp(),
    first_seen_version=Version(),
    first_seen_platform=PLATFORM,
)
