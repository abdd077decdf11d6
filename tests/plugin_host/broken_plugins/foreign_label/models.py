from django.db import models


class Person(models.Model):
    text = models.TextField()

    class Meta:
        app_label = "auth"
        db_table = "auth_user"
