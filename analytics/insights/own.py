"""The insights about this app's own events: sign-ins, features and installations."""

from django.utils.translation import gettext_noop as _  # the admin shows them translated

from analytics.insights import (
    DAY,
    MONTH,
    WEEK,
    Cohort,
    Dashboard,
    Display,
    Filter,
    Insight,
    Math,
    Of,
    Performed,
    Property,
    Series,
    register,
)

ROLE = Property("role", Of.PERSON)
FEATURE = Property("feature_flag")
VERSION, PLATFORM = Property("app_version"), Property("platform")
CLICKED = Filter(Property("action"), "clicked")

SIGN_INS = Series(_("Sign-ins"), "auth.login")
FEATURES = Series(_("Features used"), "feature_interaction")
CLICKS = Series(_("Features clicked"), "feature_interaction", (CLICKED,))
INSTALLATIONS = Series(_("Installations"), "telemetry.health")
UPDATES = Series(_("Updates"), "telemetry.update")
PEOPLE = Series(_("People"), None, (Filter(ROLE),))  # installations have no role

HEALTH, ENGAGEMENT = "installation_health", "user_engagement"

register(
    Dashboard(
        HEALTH, _("Installation Health"), _("Which installations there are, and how up to date.")
    ),
    Dashboard(ENGAGEMENT, _("User Engagement"), _("How people use what they installed.")),
    # --- Installation Health ---
    Insight(
        "active_installations",
        _("Active installations in 24 h"),
        _("How many installations reported in the last 24 hours?"),
        (INSTALLATIONS,),
        Math.PERSONS,
        period=DAY,
        display=Display.NUMBER,
        dashboards=(HEALTH,),
    ),
    Insight(
        "versions",
        _("Version distribution"),
        _("Which versions are in use?"),
        (INSTALLATIONS,),
        Math.PERSONS,
        (VERSION,),
        WEEK,
        Display.BARS,
        (HEALTH,),
    ),
    Insight(
        "platforms",
        _("Platform distribution"),
        _("On which platforms do installations run?"),
        (INSTALLATIONS,),
        Math.PERSONS,
        (PLATFORM,),
        WEEK,
        Display.PIE,
        (HEALTH,),
    ),
    Insight(
        "updates",
        _("Update adoption"),
        _("How quickly do installations take up each version?"),
        (UPDATES,),
        breakdowns=(Property("new_version"),),
        period=3 * MONTH,
        display=Display.CUMULATIVE,
        dashboards=(HEALTH,),
    ),
    Insight(
        "versions_by_platform",
        _("Active installations by version and platform"),
        _("Which versions are in use on which platform?"),
        (INSTALLATIONS,),
        Math.PERSONS,
        (VERSION, PLATFORM),
        WEEK,
        Display.TABLE,
        (HEALTH,),
    ),
    Insight(
        "time_zones",
        _("Installations by time zone"),
        _("In which time zones do installations run?"),
        (INSTALLATIONS,),
        Math.PERSONS,
        (Property("timezone", Of.PERSON),),
        display=Display.TABLE,
        dashboards=(HEALTH,),
    ),
    Insight(
        "deployment_methods",
        _("Installations by deployment method"),
        _("How are installations deployed?"),
        (INSTALLATIONS,),
        Math.PERSONS,
        (Property("deployment_method", Of.PERSON),),
        display=Display.PIE,
        dashboards=(HEALTH,),
    ),
    # --- User Engagement ---
    Insight(
        "daily_active_users",
        _("Daily active users"),
        _("How many people do anything on a day?"),
        (PEOPLE,),
        Math.PERSONS,
        dashboards=(ENGAGEMENT,),
    ),
    Insight(
        "active_users_by_role",
        _("Active users by role"),
        _("Which roles sign in?"),
        (SIGN_INS,),
        Math.PERSONS,
        (ROLE,),
        display=Display.BARS,
        dashboards=(ENGAGEMENT,),
    ),
    Insight(
        "login_methods",
        _("Login methods"),
        _("How do people sign in?"),
        (SIGN_INS,),
        breakdowns=(Property("auth_method"),),
        display=Display.PIE,
        dashboards=(ENGAGEMENT,),
    ),
    Insight(
        "feature_usage",
        _("Feature usage"),
        _("Which features do people click?"),
        (CLICKS,),
        breakdowns=(FEATURE,),
        display=Display.BARS,
        dashboards=(ENGAGEMENT,),
    ),
    Insight(
        "feature_usage_by_role",
        _("Feature usage by role"),
        _("Which roles use features?"),
        (FEATURES,),
        breakdowns=(ROLE,),
        display=Display.BARS,
        dashboards=(ENGAGEMENT,),
    ),
    Insight(
        "features_by_role",
        _("New features by role"),
        _("Which features does each role take up?"),
        (FEATURES,),
        Math.PERSONS,
        (FEATURE, ROLE),
        display=Display.TABLE,
        dashboards=(ENGAGEMENT,),
    ),
    # --- cohorts ---
    Cohort(
        "docker_admins",
        _("Docker Admins"),
        _("Administrators of installations that run in Docker."),
        (
            Filter(Property("is_admin", Of.PERSON), True),
            Filter(Property("deployment_method", Of.PERSON), "docker"),
        ),
    ),
    Cohort(
        "recent_installs",
        _("Recent Installs"),
        _("Installations that began with this version within the last 30 days."),
        of_this_version=("first_seen_version",),
        performed=Performed("telemetry.install", days=30),
    ),
)
