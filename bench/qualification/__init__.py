"""The bench measures itself before it judges others: known-delay responder, qualification, trigger calibration."""
