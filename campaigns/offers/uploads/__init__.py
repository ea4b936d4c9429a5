"""Files of offers: received, read in a child process, previewed row by row, imported as the preview showed."""
