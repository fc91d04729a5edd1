"""All addresses of the peer."""

from django.contrib import admin
from django.urls import path

from restaurant_review import views

urlpatterns = [
    path("", views.index, name="index"),
    path("<int:id>/", views.details, name="details"),
    path("create", views.create_restaurant, name="create_restaurant"),
    path("add", views.add_restaurant, name="add_restaurant"),
    path("review/<int:id>", views.add_review, name="add_review"),
    path("admin/", admin.site.urls),
]
