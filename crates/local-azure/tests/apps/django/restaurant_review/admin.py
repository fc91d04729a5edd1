from django.contrib import admin

from .models import Restaurant, Review

admin.site.register([Restaurant, Review])
