"""What runs of the code base of Klenitskiy and Vasilev 2023 import: entry, hooks of its patches, stand-ins."""
