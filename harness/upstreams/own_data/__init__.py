"""One's own interactions: read in the formats of public data, filtered, written as a code base reads them."""
