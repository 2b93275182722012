/* bench/sizes/programs.h - what real programs allocate: sizes, and how long objects of each size live.
 *
 * Recorded with record.c in this folder on Debian 12, amd64, from the programs named at each table. A row counts the
 * objects of one size range, (bytes of the row before, bytes of this row], by their lifetime in allocations of the
 * whole process: at most 64, 1,024, 16,384, 262,144, and longer or until the end. The programs have free lists and
 * pools of their own (perl's bodies, SQLite's lookaside memory, gcc's garbage-collected trees): what is recorded is
 * what reaches malloc behind them.
 */
#ifndef BENCH_SIZES_PROGRAMS_H
#define BENCH_SIZES_PROGRAMS_H

#include <stdint.h>

enum { SIZE_LIFETIMES = 5, SIZE_ROWS_MAX = 18 };

struct size_row {
  uint32_t bytes;
  uint32_t counts[SIZE_LIFETIMES];
};

struct size_program {
  const char *name, *source;
  struct size_row rows[SIZE_ROWS_MAX]; /* the last ones may be empty */
};

/* clang-format off */
static const struct size_program size_programs[] = {
  {"cc1",
   "gcc 12.2.0 (cc1): -O2 on gc/trefoil.c of this library", {
    /* 1647983 allocations, 25 of them above 128 KiB and left out */
    {16, {245151, 24668, 3604, 4960, 2128}},
    {24, {113377, 14442, 1413, 996, 366}},
    {32, {65056, 6216, 2200, 27, 102}},
    {48, {213445, 27060, 2046, 553, 581}},
    {64, {93005, 10446, 4287, 2594, 8899}},
    {96, {159561, 12934, 1635, 2906, 4329}},
    {128, {153140, 3907, 674, 426, 149}},
    {192, {79031, 14484, 2778, 355, 231}},
    {256, {95433, 19739, 1808, 422, 523}},
    {384, {49045, 20281, 648, 947, 27}},
    {512, {27983, 4856, 339, 18, 18}},
    {768, {23984, 3525, 828, 176, 7}},
    {1024, {22436, 4167, 451, 14, 13}},
    {2048, {20498, 4824, 654, 88, 95}},
    {4096, {33245, 4369, 312, 21, 35}},
    {8192, {12524, 1828, 199, 12, 21}},
    {32768, {3812, 877, 149, 14, 9}},
    {131072, {707, 379, 1138, 252, 46}},
  }},
  {"python",
   "CPython 3.11.7, PYTHONMALLOC=malloc: ast.parse of 60 modules of its standard library and a walk of each tree", {
    /* 2253986 allocations, 49 of them above 128 KiB and left out */
    {16, {252467, 2811, 3266, 30146, 141}},
    {24, {244, 11, 245, 2065, 212}},
    {32, {10173, 1343, 13657, 174311, 1104}},
    {48, {258889, 16738, 209710, 297392, 4563}},
    {64, {200429, 1869, 18154, 180397, 14183}},
    {96, {11459, 943, 1064, 3821, 9680}},
    {128, {3319, 645, 882, 5572, 2549}},
    {192, {4388, 812, 562, 590, 3592}},
    {256, {372501, 524, 12011, 104303, 1725}},
    {384, {337, 288, 316, 353, 1137}},
    {512, {648, 301, 221, 201, 616}},
    {768, {437, 203, 549, 500, 567}},
    {1024, {210, 179, 86, 97, 587}},
    {2048, {612, 195, 131, 102, 226}},
    {4096, {547, 266, 117, 65, 44}},
    {8192, {64, 372, 86, 23, 12}},
    {32768, {90, 457, 1834, 4996, 6}},
    {131072, {71, 114, 172, 40, 0}},
  }},
  {"perl",
   "perl 5.36.0: an index of the words of its standard library, by file and line", {
    /* 737666 allocations, 1 of them above 128 KiB and left out */
    {16, {345253, 5357, 257, 12, 264}},
    {24, {1232, 44, 37, 1, 267}},
    {32, {50797, 360, 745, 3116, 4609}},
    {48, {120862, 1421, 1543, 10016, 61344}},
    {64, {205, 675, 4291, 52402, 54934}},
    {96, {1236, 783, 1069, 1364, 509}},
    {128, {428, 274, 406, 635, 93}},
    {192, {86, 392, 690, 1067, 109}},
    {256, {30, 134, 270, 483, 46}},
    {384, {65, 200, 623, 1128, 88}},
    {512, {11, 31, 140, 309, 27}},
    {768, {20, 45, 218, 490, 46}},
    {1024, {11, 19, 143, 367, 23}},
    {2048, {25, 18, 140, 457, 44}},
    {4096, {41, 7, 38, 180, 2164}},
    {8192, {8, 14, 79, 145, 15}},
    {32768, {8, 2, 18, 80, 12}},
    {131072, {1, 2, 0, 11, 4}},
  }},
  {"sqlite",
   "sqlite3 3.40.1: a table of 50,000 rows in memory: insert, index, update, join, delete", {
    /* 124774 allocations, 10 of them above 128 KiB and left out */
    {16, {50278, 11, 4, 27, 0}},
    {24, {66700, 7, 4, 13, 0}},
    {32, {11, 3, 3, 12, 0}},
    {48, {196, 4, 3, 75, 2}},
    {64, {18, 2, 2, 13, 4}},
    {96, {155, 15, 0, 62, 0}},
    {128, {50, 6, 1, 13, 0}},
    {192, {51, 11, 1, 13, 0}},
    {256, {5, 1, 1, 0, 1}},
    {384, {6, 5, 2, 4, 0}},
    {512, {11, 4, 5, 4, 0}},
    {768, {4, 1, 3, 2, 6}},
    {1024, {6, 6, 3, 5, 1}},
    {2048, {83, 1028, 2338, 1075, 0}},
    {4096, {15, 5, 0, 2, 2}},
    {8192, {958, 2, 40, 549, 0}},
    {32768, {804, 0, 0, 1, 0}},
    {131072, {4, 1, 0, 1, 0}},
  }},
};
/* clang-format on */

enum { SIZE_PROGRAMS = sizeof size_programs / sizeof size_programs[0] };

#endif
