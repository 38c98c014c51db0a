"""Tests of PumpCheck."""
