"""From a selected recipe to stored records: keys, preparation, execution, validation, store."""
