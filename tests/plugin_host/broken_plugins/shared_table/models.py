from django.db import models


class Everybodys(models.Model):
    text = models.TextField()
