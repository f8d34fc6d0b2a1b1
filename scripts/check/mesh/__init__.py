"""What scripts/check/istio.py judges by."""
