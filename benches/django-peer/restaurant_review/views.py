"""The pages. They do the same work as the sample's: every request counts all reviews again."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.core.files.storage import default_storage
from django.db.models import Avg, Count
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from .models import Restaurant, Review

IMAGE_MAX_BYTES = 2_048_000


def with_ratings():
    """Restaurants with the average and number of their ratings, by a join with all reviews and a group-by."""
    return Restaurant.objects.annotate(avg_rating=Avg("review__rating"), review_count=Count("review"))


@require_safe
def index(request):
    """The list of all restaurants."""
    return render(request, "restaurant_review/index.html", {"restaurants": with_ratings()})


@require_safe
def details(request, id):
    """A restaurant, all its reviews, and the form for a new one."""
    restaurant = get_object_or_404(with_ratings(), pk=id)
    context = {"restaurant": restaurant, "image_path": settings.MEDIA_URL}
    return render(request, "restaurant_review/details.html", context)


@require_safe
def create_restaurant(request):
    """The form for a new restaurant."""
    return render(request, "restaurant_review/create_restaurant.html")


@require_POST
def add_restaurant(request):
    """Adds the restaurant from that form."""
    name = request.POST.get("restaurant_name")
    description = request.POST.get("description")
    if not name or not description:
        messages.error(request, "Restaurant not added. Include at least a restaurant name and description.")
        return redirect("create_restaurant")
    restaurant = Restaurant(name=name, street_address=request.POST.get("street_address", ""), description=description)
    restaurant.save()
    return redirect("details", id=restaurant.id)


@require_POST
def add_review(request, id):
    """Adds a review. Its photo is stored first."""
    restaurant = get_object_or_404(Restaurant, pk=id)
    user_name = request.POST.get("user_name")
    rating = request.POST.get("rating")
    if not user_name or not rating:
        messages.error(request, "Review not added. Include at least a name and rating for review.")
        return redirect("details", id=id)
    image_name = None
    image = request.FILES.get("reviewImage")
    if image is not None:
        if image.size > IMAGE_MAX_BYTES:
            messages.error(request, "Image too big, try again.")
            return redirect("details", id=id)
        image_name = default_storage.save(f"{uuid.uuid4()}.png", image)
    review = Review(
        restaurant=restaurant,
        user_name=user_name,
        rating=rating,
        review_text=request.POST.get("review_text", ""),
        review_date=timezone.now(),
        image_name=image_name,
    )
    # An invalid value shows the error page, as in the sample. The restaurant was just read, so it is not checked
    # again.
    review.clean_fields(exclude=["restaurant"])
    review.save()
    return redirect("details", id=id)
