"""The pages."""

from django.db.models import Avg, Count
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from . import photos
from .forms import RestaurantForm, ReviewForm
from .models import Restaurant, Review

RATED = Restaurant.objects.annotate(average=Avg("review__rating"), reviews=Count("review"))


@require_safe
def index(request):
    return render(request, "index.html", {"restaurants": RATED.order_by("name")})


@require_safe
def details(request, id):
    return details_page(request, id, ReviewForm())


def details_page(request, id, form, message=None):
    restaurant = get_object_or_404(RATED, pk=id)
    reviews = restaurant.review_set.order_by("-review_date")
    return render(
        request,
        "details.html",
        {"restaurant": restaurant, "reviews": reviews, "form": form, "message": message},
    )


@require_safe
def create(request):
    return render(request, "create.html", {"form": RestaurantForm()})


@require_POST
def add(request):
    form = RestaurantForm(request.POST)
    if not form.is_valid():
        message = "Restaurant not added. Include at least a restaurant name and description."
        return render(request, "create.html", {"form": form, "message": message})
    data = form.cleaned_data
    restaurant = Restaurant.objects.create(
        name=data["restaurant_name"],
        street_address=data["street_address"],
        description=data["description"],
    )
    return redirect("details", restaurant.pk)


@require_POST
def review(request, id):
    form = ReviewForm(request.POST, request.FILES)
    restaurant = get_object_or_404(Restaurant, pk=id)
    if not form.is_valid():
        message = "Review not added. Include at least a name and rating for review."
        return details_page(request, id, form, message)
    photo = form.cleaned_data.pop("reviewImage")
    if photo and photo.size > photos.LARGEST:
        return details_page(request, id, form, "Image too big, try again.")
    image_name = photos.upload(photo) if photo else None
    Review.objects.create(restaurant=restaurant, image_name=image_name, **form.cleaned_data)
    return redirect("details", id)


@require_safe
def photo(request, name):
    """Sends the browser to Blob Storage, if a review has this photo."""
    get_object_or_404(Review, image_name=name)
    return HttpResponseRedirect(photos.signed_url(name))
