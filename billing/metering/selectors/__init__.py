"""Reading usage. Everything but single events and receipts comes from hourly totals; nothing here scans events."""
