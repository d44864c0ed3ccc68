from django.urls import path

from billing.insights.whatif.views import whatif, whatif_csv

urlpatterns = [
    path("w/<str:workspace_id>/what-if", whatif, name="whatif"),
    path("w/<str:workspace_id>/what-if.csv", whatif_csv, name="whatif-csv"),
]
