"""The addresses of the pages."""

from django.conf import settings
from django.contrib import admin
from django.urls import path

from restaurant_review import conformance, views

urlpatterns = [
    path("", views.index, name="index"),
    path("<int:id>/", views.details, name="details"),
    path("create", views.create, name="create"),
    path("add", views.add, name="add"),
    path("review/<int:id>", views.review, name="review"),
    path("photos/<str:name>", views.photo, name="photo"),
    path("admin/", admin.site.urls),
]

if settings.CONFORMANCE_PAGE:
    urlpatterns.append(path("conformance", conformance.page))
