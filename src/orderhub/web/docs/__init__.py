"""What the hub says about itself: OpenAPI documents, examples, and pages to read them on."""
