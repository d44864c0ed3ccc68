"""Engines behind one interface; `kinds` names them, `base` says what they do."""
