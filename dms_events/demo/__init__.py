"""The events of the demo: this machine as measured, and a simulated fleet around it."""
