"""FHIR resources to orders, payer and facts with evidence. Value sets live here."""
