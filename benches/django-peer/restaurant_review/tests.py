"""Checks that the peer behaves like the sample. Run `manage.py test restaurant_review`, with PostgreSQL at DBHOST and a
role that may create databases."""

import re
import tempfile
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from .models import Restaurant, Review


def restaurant(name="Contoso Café"):
    return Restaurant.objects.create(name=name, street_address="1 Main Street", description="Coffee & cake")


def review(of, rating, user_name="Ada", **fields):
    return Review.objects.create(
        restaurant=of, rating=rating, user_name=user_name, review_date=timezone.now(), **fields
    )


class Pages(TestCase):
    """Reading pages."""

    def test_the_list_shows_every_restaurant_with_average_and_count(self):
        self.assertContains(self.client.get("/"), "No restaurants exist. Select")
        reviewed, once, never = restaurant("Reviewed"), restaurant("Once"), restaurant("Never")
        for rating in [5, 4, 4]:
            review(reviewed, rating)
        review(once, 2)
        with CaptureQueriesContext(connection) as queries:
            page = self.client.get("/")
        self.assertContains(page, "4.3 (3 reviews)")
        self.assertContains(page, "width: 87%")
        self.assertContains(page, "2.0 (1 review)")
        self.assertContains(page, "<em>No ratings yet</em>", count=1)
        for one in [reviewed, once, never]:
            self.assertContains(page, f'href="/{one.id}/">Details</a>')
        # A single query joins and groups.
        self.assertEqual(len(queries), 1)
        self.assertIn("LEFT OUTER JOIN", queries[0]["sql"])
        self.assertIn("GROUP BY", queries[0]["sql"])

    def test_the_details_show_every_review_and_the_form(self):
        one = restaurant()
        self.assertContains(self.client.get(f"/{one.id}/"), "No reviews of this restaurant yet.")
        review(one, 5, review_text="<b>Good</b>", image_name="a.png")
        review(one, 3, "Björn")
        review(restaurant("Other"), 1, "Elsewhere")
        with self.assertNumQueries(2):
            page = self.client.get(f"/{one.id}/")
        self.assertContains(page, "<h1>Contoso Café</h1>", html=True)
        self.assertContains(page, "1 Main Street")
        self.assertContains(page, "Coffee &amp; cake")
        self.assertContains(page, "4.0 (2 reviews)")
        self.assertContains(page, "&lt;b&gt;Good&lt;/b&gt;")
        self.assertContains(page, "Björn")
        self.assertContains(page, 'href="/photos/a.png"', count=1)
        self.assertContains(page, "csrfmiddlewaretoken", count=1)
        self.assertContains(page, f'action="/review/{one.id}"')
        self.assertNotContains(page, "Elsewhere")

    def test_unknown_addresses_are_not_found(self):
        for path in ["/1/", "/nowhere"]:
            self.assertContains(self.client.get(path), "There is nothing at this address", status_code=404)
        self.assertEqual(self.client.post("/review/1", {"user_name": "Ada", "rating": "5"}).status_code, 404)

    def test_pages_answer_head_requests(self):
        self.assertEqual(self.client.head("/").status_code, 200)

    def test_staff_have_an_admin(self):
        self.assertRedirects(self.client.get("/admin/"), "/admin/login/?next=/admin/")


class Forms(TestCase):
    """Submitting forms."""

    def test_a_restaurant_is_added(self):
        self.assertContains(self.client.get("/create"), 'action="/add"')
        sent = {"restaurant_name": "Fourth Coffee", "street_address": "", "description": "Coffee"}
        response = self.client.post("/add", sent)
        added = Restaurant.objects.get(name="Fourth Coffee", street_address="", description="Coffee")
        self.assertRedirects(response, f"/{added.id}/")

    def test_a_restaurant_needs_a_name_and_a_description(self):
        for sent in [{"restaurant_name": "Fourth Coffee"}, {"restaurant_name": "", "description": "Coffee"}]:
            page = self.client.post("/add", sent, follow=True)
            self.assertRedirects(page, "/create")
            self.assertContains(page, "Restaurant not added. Include at least a restaurant name and description.")
        self.assertFalse(Restaurant.objects.exists())
        # A message is shown once.
        self.assertNotContains(self.client.get("/create"), "Restaurant not added.")

    def test_a_review_is_added(self):
        one = restaurant()
        sent = {"user_name": "Ada", "rating": "4", "review_text": "Lovely"}
        self.assertRedirects(self.client.post(f"/review/{one.id}", sent), f"/{one.id}/")
        added = Review.objects.get()
        self.assertEqual((added.restaurant, added.user_name, added.rating), (one, "Ada", 4))
        self.assertEqual((added.review_text, added.image_name), ("Lovely", None))
        self.assertLess((timezone.now() - added.review_date).total_seconds(), 60)

    def test_a_review_needs_a_name_and_a_rating(self):
        one = restaurant()
        for sent in [{"user_name": "Ada"}, {"user_name": "", "rating": "5"}, {"user_name": "Ada", "rating": ""}]:
            page = self.client.post(f"/review/{one.id}", sent, follow=True)
            self.assertRedirects(page, f"/{one.id}/")
            self.assertContains(page, "Review not added. Include at least a name and rating for review.")
        self.assertFalse(Review.objects.exists())

    def test_an_invalid_rating_is_an_error(self):
        one = restaurant()
        self.client.raise_request_exception = False
        for rating in ["6", "many"]:
            page = self.client.post(f"/review/{one.id}", {"user_name": "Ada", "rating": rating})
            self.assertContains(page, "Something went wrong", status_code=500)
        self.assertFalse(Review.objects.exists())

    def test_a_photo_is_stored_under_a_new_name(self):
        one = restaurant()
        with tempfile.TemporaryDirectory() as folder, self.settings(MEDIA_ROOT=folder):
            image = SimpleUploadedFile("dinner.jpg", b"as it came")
            self.client.post(f"/review/{one.id}", {"user_name": "Ada", "rating": "4", "reviewImage": image})
            name = Review.objects.get().image_name
            self.assertRegex(name, r"^[0-9a-f-]{36}\.png$")
            self.assertEqual(Path(folder, name).read_bytes(), b"as it came")

    def test_a_photo_that_is_too_big_is_rejected(self):
        one = restaurant()
        image = SimpleUploadedFile("dinner.jpg", bytes(2_048_001))
        sent = {"user_name": "Ada", "rating": "4", "reviewImage": image}
        page = self.client.post(f"/review/{one.id}", sent, follow=True)
        self.assertContains(page, "Image too big, try again.")
        self.assertFalse(Review.objects.exists())

    def test_a_post_needs_a_forms_token(self):
        one = restaurant()
        visitor = Client(enforce_csrf_checks=True)
        sent = {"user_name": "Ada", "rating": "4"}
        self.assertEqual(visitor.post(f"/review/{one.id}", sent).status_code, 403)
        page = visitor.get(f"/{one.id}/").content.decode()
        sent["csrfmiddlewaretoken"] = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        # One token is valid for many posts.
        for _ in range(2):
            self.assertEqual(visitor.post(f"/review/{one.id}", sent).status_code, 302)
        self.assertEqual(Review.objects.count(), 2)
