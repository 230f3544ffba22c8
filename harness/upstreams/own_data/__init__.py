"""Your own interactions: read in the formats of public data, filtered, and written in a code base's format."""
