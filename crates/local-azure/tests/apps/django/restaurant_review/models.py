from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class Restaurant(models.Model):
    name = models.CharField(max_length=50)
    street_address = models.CharField(max_length=50, blank=True)
    description = models.CharField(max_length=250)

    def __str__(self):
        return self.name


class Review(models.Model):
    restaurant = models.ForeignKey(Restaurant, on_delete=models.CASCADE)
    user_name = models.CharField(max_length=20)
    rating = models.IntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    review_text = models.CharField(max_length=500, blank=True)
    review_date = models.DateTimeField(auto_now_add=True)
    image_name = models.CharField(max_length=100, null=True, blank=True)

    def __str__(self):
        return f"{self.restaurant}, {self.user_name}"
