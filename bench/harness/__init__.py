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
utilisation  minimum mutator utilisation, from a list of pauses
rows      from runs to the rows of a table, the overhead over the lower bound among them
table     the tables, as text
heap_sizes  time against heap size
trackings  what noticing stores costs, under each tracking
growth    minor pauses against the live heap
claims    what this project promises, against what was measured
suite     all of that, workload by workload
linkage   whether a program is linked with the library
own       somebody's own program in every mode
installed programs of the distribution, and what they are given to do
drop_in   these on libgc.so.1 of this library, beside bdwgc's
recommend  which mode to choose for it, and why
gnuplot   one plot
plots     all plots of the report
report    the report, one HTML file
results   the JSON file
kept      the programs of a run, kept for a comparison
signed_rank  the statistics of a comparison: arithmetic only
compare   an older build against this one
main      the order of things
"""
