"""The forms. Their field names are those of the tutorial's pages."""

from django import forms


class RestaurantForm(forms.Form):
    restaurant_name = forms.CharField(max_length=50, label="Name")
    street_address = forms.CharField(max_length=50, label="Street Address", required=False)
    description = forms.CharField(max_length=250, widget=forms.Textarea)


class ReviewForm(forms.Form):
    user_name = forms.CharField(max_length=20, label="Your name")
    rating = forms.IntegerField(min_value=1, max_value=5)
    review_text = forms.CharField(max_length=500, label="Review", required=False, widget=forms.Textarea)
    reviewImage = forms.FileField(label="Photo", required=False)
