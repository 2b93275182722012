"""The parts of bench/run, in reading order:

catalog   what there is to run: workloads, peers, modes, and the sizes of the full and the quick suite
options   the command line
packages  what the machine needs; installs it or names it
build     meson and ninja in build/bench
machine   what the measurements were made on
launch    one process: started, watched, its report read
stats_file  the library's own report of a program
schedule  all processes, interleaved, with the time left
figures   medians, percentiles, ratios: arithmetic only
rows      from runs to the rows of a table
table     the tables, as text
claims    what this project promises, against what was measured
results   the JSON file
main      the order of things
"""
