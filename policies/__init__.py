"""The core: criteria, three-valued logic, effective periods, the policy files and their determinations.

No FHIR, no HTTP, no clock, no disk after start-up.
"""
