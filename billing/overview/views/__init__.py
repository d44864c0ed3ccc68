from billing.overview.views.home import home, index

__all__ = ["home", "index"]
