"""`captiond send`: uploads files.

csv_records, table   read descriptions from CSV, and write a table of failures
files                finds files: arguments, folders, globs
photo                one file with its fields, and its checks
run                  uploads photos in parallel, and waits for their images
"""
