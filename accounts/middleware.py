"""Middleware around people's sessions."""

from allauth.usersessions.middleware import UserSessionsMiddleware
from django.http import HttpRequest, HttpResponse


class SessionActivityMiddleware(UserSessionsMiddleware):
    """Notes when a session was last active: for pages a person opens, not for what an open page fetches by itself."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.headers.get("HX-Request") and request.method == "GET":
            response: HttpResponse = self.get_response(request)
            return response
        result: HttpResponse = super().__call__(request)
        return result
