"""What a hold was placed for goes into its own row: a second one cost more than what it said.

Backwards the rows are as they were; lengths of texts are not limited again.
"""

from django.db import migrations

FORWARD = """
ALTER TABLE ledger_hold DISABLE TRIGGER hold_request_fixed;
UPDATE ledger_hold SET request = jsonb_strip_nulls(jsonb_build_object(
        'api_key', asked.api_key_id, 'provider', nullif(asked.provider, ''), 'model', nullif(asked.model, ''),
        'variant', nullif(asked.variant, '{}'), 'project', nullif(asked.project, ''),
        'agent', nullif(asked.agent, ''), 'app', nullif(asked.app, ''), 'task', nullif(asked.task, ''),
        'basis', asked.basis, 'note', nullif(asked.note, ''), 'usage', nullif(asked.usage, '{}'),
        'expected', asked.expected))
FROM usage_authorization asked WHERE asked.hold_id = ledger_hold.operation_id;
ALTER TABLE ledger_hold ENABLE TRIGGER hold_request_fixed;
DROP TABLE usage_authorization;
CREATE VIEW usage_authorization AS
SELECT operation_id AS hold_id, workspace_id, (request ->> 'api_key')::bigint AS api_key_id,
    coalesce(request ->> 'provider', '') AS provider, coalesce(request ->> 'model', '') AS model,
    coalesce(request -> 'variant', '{}') AS variant, coalesce(request ->> 'project', '') AS project,
    coalesce(request ->> 'agent', '') AS agent, coalesce(request ->> 'app', '') AS app,
    coalesce(request ->> 'task', '') AS task, request ->> 'basis' AS basis, coalesce(request ->> 'note', '') AS note,
    coalesce(request -> 'usage', '{}') AS usage, (request ->> 'expected')::bigint AS expected, created_at
FROM ledger_hold WHERE request IS NOT NULL;
"""

BACKWARD = """
CREATE TABLE usage_authorization_as_before AS SELECT * FROM usage_authorization;
DROP VIEW usage_authorization;
ALTER TABLE usage_authorization_as_before RENAME TO usage_authorization;
ALTER TABLE usage_authorization ADD PRIMARY KEY (hold_id),
    ADD FOREIGN KEY (hold_id) REFERENCES ledger_hold DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT authorization_expected_not_negative CHECK (expected >= 0);
CREATE TRIGGER authorization_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_authorization
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_rewrite();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_hold_request"), ("usage", "0001_squashed_0003_fewer_indexes")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint("authorization", "authorization_expected_not_negative"),
                migrations.AlterModelOptions("authorization", {"managed": False}),
            ],
            database_operations=[migrations.RunSQL(FORWARD, BACKWARD)],
        ),
    ]
