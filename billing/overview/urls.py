"""Pages of a workspace. Those of people, keys and projects are in accounts."""

from django.urls import include, path

from billing.overview.views import (
    activity,
    alerts,
    credits,
    holds,
    home,
    lots,
    models,
    proof,
    requests,
    statement,
    usage,
)

app_name = "overview"

workspace_urls = [
    path("", home.home, name="home"),
    path("live", home.live, name="live"),
    path("usage", usage.usage, name="usage"),
    path("usage.csv", usage.usage_csv, name="usage-csv"),
    path("usage/requests", requests.requests, name="requests"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/save", alerts.save, name="alerts-save"),
    path("activity", activity.activity, name="activity"),
    path("activity/hours/<str:hour>", activity.hour, name="hour"),
    path("activity/requests/<int:pk>", activity.event, name="event"),
    path("activity/<int:seq>", activity.entry, name="entry"),
    path("models", models.models, name="models"),
    path("models.csv", models.models_csv, name="models-csv"),
    path("models/compare", models.compare, name="compare"),
    path("models/<path:ref>", models.model, name="model"),
    path("credits", credits.credits, name="credits"),
    path("credits/holds", holds.all_holds, name="holds"),
    path("credits/holds/<str:hold_id>", holds.hold, name="hold"),
    path("credits/proof", proof.proof, name="proof"),
    path("credits/proof.jsonl", proof.proof_file, name="proof-file"),
    path("credits/verify_balance.py", proof.script, name="proof-script"),
    path("credits/statement", statement.statement, name="statement"),
    path("credits/statement.csv", statement.statement_csv, name="statement-csv"),
    path("credits/lots/<int:pk>", lots.lot, name="lot"),
    path("credits/lots/<int:pk>/entries", lots.entries, name="lot-entries"),
]

urlpatterns = [path("w/<str:workspace_id>/", include(workspace_urls))]
