"""The conformance kit: a dialect's golden pairs and rules, run against any server that claims to speak it."""
