"""Orders onward: what was sold at one door is placed with the vendor behind another, exactly once."""
