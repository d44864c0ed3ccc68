"""What keeps tables healthy over years: once a month, in a quiet hour, by one process, while everything goes on."""
