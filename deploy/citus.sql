-- Ledgers spread over the machines of a Citus cluster: all that is kept of one lies on one of them. Run it as
-- the owner, once `judgement-ledger migrate` has made the schema and before the first ledger is begun.
SELECT create_distributed_table('ledger', 'ledger_id');
SELECT create_distributed_table('entry', 'ledger_id', colocate_with => 'ledger');
SELECT create_distributed_table('filed', 'ledger_id', colocate_with => 'ledger');
SELECT create_distributed_table('checkpoint', 'ledger_id', colocate_with => 'ledger');
SELECT create_distributed_table('barrier', 'ledger_id', colocate_with => 'ledger');
SELECT create_reference_table('ledger_name');
