"""The import rule for dialects: packages apart from each other, plain modules beneath them all.

import-linter's own `independence` takes wildcards, but `orderhub.dialects.*` also matches
contract.py, which every dialect imports. Here a match with children is a dialect and a match
without is shared, so neither a new dialect nor a new shared module needs a line of configuration.
"""

from grimp import ImportGraph, Layer
from importlinter import ContractCheck, fields
from importlinter.contracts.independence import IndependenceContract
from importlinter.domain.helpers import module_expressions_to_modules


class DialectsContract(IndependenceContract):
    type_name = "dialects"

    # Declared again because import-linter reads the options from the class itself, not its bases.
    modules = fields.SetField(subfield=fields.ModuleExpressionField())
    broken_contract_guidance = fields.StringField(required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        matches = {module.name for module in module_expressions_to_modules(graph, self.modules)}
        dialects = {name for name in matches if graph.find_children(name)}
        layers = [
            Layer(*sorted(names), independent=apart)
            for names, apart in ((dialects, True), (matches - dialects, False))
            if names
        ]
        broken = graph.find_illegal_dependencies_for_layers(layers=layers)
        return ContractCheck(
            kept=not broken,
            metadata={"invalid_chains": self._build_invalid_chains(broken, graph)},
        )
