"""What maintainers run through `make`: documents that are generated, migrations, wheels, releases."""
