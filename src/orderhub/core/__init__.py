"""The pure heart: values, commands, decisions. No clock, id, chance, log, await or database."""
