"""The addresses of this app: `path("", include("analytics.urls"))`."""

from django.urls import path

from analytics.interactions import interactions

app_name = "analytics"
urlpatterns = [path("analytics/interactions/", interactions, name="interactions")]
