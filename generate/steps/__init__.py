"""Steps of a flow that are more than one call: whatever a skill's list may hold besides an agent."""
