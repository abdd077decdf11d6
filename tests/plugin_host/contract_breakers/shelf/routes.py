from django.http import JsonResponse
from django.urls import path

from .models import Book


def books(request):
    return JsonResponse(list(Book.objects.values_list("title", flat=True)), safe=False)


routes = [path("books", books)]
