"""Small words for the account pages."""

import re

from django import template

register = template.Library()

BROWSERS = [
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
    ("curl", "curl"),
]
SYSTEMS = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
]


@register.filter
def device(user_agent: str) -> str:
    """“Firefox 144 on Windows”; the order of the tables matters, since most browsers also name others."""
    browser = "Unknown browser"
    for mark, name in BROWSERS:
        if mark in user_agent:
            version = re.search(r"Version/(\d+)" if name == "Safari" else rf"{mark}\w*/(\d+)", user_agent)
            browser = f"{name} {version[1]}" if version else name
            break
    system = next((name for mark, name in SYSTEMS if mark in user_agent), None)
    return f"{browser} on {system}" if system else browser
