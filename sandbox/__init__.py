"""A small EHR that speaks to the service over HTTP as any EHR would."""
