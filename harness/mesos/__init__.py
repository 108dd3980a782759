"""The cluster model: records, life cycles, flags and the roles that exchange them."""
