"""The parts of bench/run.py: what is measured, by whom, what the figures say, how they are shown."""
