from django.urls import path

from portal.standin.pages import checkout, customer, invoice

app_name = "standin"
urlpatterns = [
    path("checkout/<slug:key>/", checkout.checkout, name="checkout"),
    path("checkout/<slug:key>/code/", checkout.code, name="code"),
    path("checkout/<slug:key>/recover/", checkout.recover, name="recover"),
    path("authentication/<slug:key>/", checkout.authentication, name="authentication"),
    path("portal/<slug:key>/", customer.portal, name="portal"),
    path("invoices/<slug:key>/", invoice.invoice, name="invoice"),
    path("invoices/<slug:key>/pdf/", invoice.pdf, name="invoice-pdf"),
    path("credit-notes/<slug:key>/pdf/", invoice.pdf, {"kind": "credit-notes"}, name="credit-note-pdf"),
]
