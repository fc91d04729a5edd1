from django.db import models


class File(models.Model):
    """A file, whose content is a blob of the same name."""

    name = models.CharField(max_length=100, primary_key=True)
    size = models.IntegerField()
