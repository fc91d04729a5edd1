"""The models that staff can list, search, add, change and delete."""

from django.contrib import admin

from .models import Restaurant, Review


@admin.register(Restaurant)
class RestaurantAdmin(admin.ModelAdmin):
    """Restaurants, found by name or address."""

    list_display = ["name", "street_address"]
    search_fields = ["name", "street_address"]


@admin.register(Review)
class ReviewAdmin(admin.ModelAdmin):
    """Reviews, found by user name or text."""

    list_display = ["restaurant", "user_name", "rating", "review_date"]
    search_fields = ["user_name", "review_text"]
    raw_id_fields = ["restaurant"]
