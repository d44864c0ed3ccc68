"""Events that were recorded without a price: charging them once there is one, and telling staff of those that wait."""
