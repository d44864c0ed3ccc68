from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    name = "billing.invoices"
    label = "invoices"

    def ready(self) -> None:
        from billing.foundation.outbox.attachments import sources
        from billing.invoices.emails import ATTACHED
        from billing.invoices.pdf.render import pdf_of_id
        from billing.invoices.verify import verify_documents
        from billing.ledger import hooks

        sources[ATTACHED] = pdf_of_id
        hooks.verifiers.append(verify_documents)
