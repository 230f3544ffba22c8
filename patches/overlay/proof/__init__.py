"""Verification of the loss that the first batch was trained with; independent of the code of the losses."""
