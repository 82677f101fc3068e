"""Addresses of the time tracker."""

from django.urls import path

from tracking import views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("timer/start/", views.timer_start, name="timer_start"),
    path("timer/stop/", views.timer_stop, name="timer_stop"),
]
