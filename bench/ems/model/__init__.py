"""Plain data of the controller: configuration, limits, commands, actions, events, the pack as it sees it."""
