PLUGIN_META = {"id": "undescribable", "name": "Undescribable", "version": "1.0.0"}


def register(ctx):
    from django.urls import path
    from rest_framework.views import APIView

    class Things(APIView):
        @property
        def schema(self):
            raise LookupError("no schema today")

        def get(self, request):
            pass

    ctx.include_router([path("things", Things.as_view())])
