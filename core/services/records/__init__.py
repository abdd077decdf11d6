"""Creating, changing and deleting records.

Each function: permission, filter and gate hooks with no transaction open, validation of what the hooks left, then one
transaction in which the version is checked again and record, side table, revision and event are written.

    use_cases   create_record, update_record, delete_record
    preparing   before the transaction: permission, hooks, validation
    writing     inside it

Imports use the two halves apart, to write many records in one transaction.
"""

from core.services.records.preparing import (
    creation_command,
    owner_id,
    prepare_creation,
    prepare_update,
    record_to_change,
    relation_faults,
    stored_record,
    update_command,
)
from core.services.records.use_cases import create_record, delete_record, update_record
from core.services.records.writing import content_transaction, insert_records, slug_conflict, write_updates

__all__ = [
    "content_transaction",
    "create_record",
    "creation_command",
    "delete_record",
    "insert_records",
    "owner_id",
    "prepare_creation",
    "prepare_update",
    "record_to_change",
    "relation_faults",
    "slug_conflict",
    "stored_record",
    "update_command",
    "update_record",
    "write_updates",
]
