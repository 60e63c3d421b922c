"""JSON text looked at before it is decoded: its bounds, its members."""
