"""What every user of the database shares: writes in order, rows that may be there already."""
