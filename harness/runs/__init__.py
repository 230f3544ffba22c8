"""From a selected recipe to stored records: plan, prepare, execute, validate, store."""
