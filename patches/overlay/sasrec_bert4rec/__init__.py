"""Code for runs of the code base of Klenitskiy and Vasilev 2023: entry, hooks of its patches, substitutes."""
