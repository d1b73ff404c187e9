"""What the demo publishes: this machine as it is, and a simulated fleet around it."""
