/* tests/unit/os/swap_file.c - the file that parts of memory are moved to, and what the system tells of its mappings. */
#include "../unit.h"
#include "base/bits.h"
#include "os/memory.h"
#include "os/swap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 300

static struct gc__swap_file file;
static size_t page_bytes;

static void open_file(void) {
  page_bytes = gc__os_page_bytes();
  ck_assert_int_eq(gc__swap_file_open(&file, "."), 0);
  ck_assert(gc__swap_file_is_there(&file));
}

static unsigned char *make_memory(void) {
  unsigned char *memory = mmap(NULL, PAGES * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(memory, MAP_FAILED);
  for (size_t page = 0; page < PAGES; page++) memset(memory + page * page_bytes, (int)(page % 251 + 1), page_bytes);
  return memory;
}

static void save(const unsigned char *memory, uint64_t offset) {
  ck_assert_int_eq(gc__swap_file_reserve(&file, offset, PAGES * page_bytes), 0);
  ck_assert_int_eq(gc__swap_file_write(&file, offset, memory, PAGES * page_bytes), 0);
  ck_assert_int_eq(gc__swap_file_settle(&file, offset, PAGES * page_bytes), 0);
}

START_TEST(paths_become_absolute) {
  char here[GC__SWAP_PATH_BYTES], name[GC__SWAP_PATH_BYTES], expected[GC__SWAP_PATH_BYTES + 20];
  ck_assert_int_eq(gc__swap_file_name(name, "/a/b"), 0);
  ck_assert_str_eq(name, "/a/b");
  ck_assert_ptr_nonnull(getcwd(here, sizeof here));
  ck_assert_int_eq(gc__swap_file_name(name, "c/d"), 0);
  snprintf(expected, sizeof expected, "%s/c/d", here);
  ck_assert_str_eq(name, expected);
  static char endless[2 * GC__SWAP_PATH_BYTES];
  memset(endless, '/', sizeof endless - 1);
  ck_assert_int_eq(gc__swap_file_name(name, endless), ENAMETOOLONG);
}
END_TEST

/* Nothing that exists is touched, and no name stays behind. */
START_TEST(names) {
  char directory[] = "unit-swap-XXXXXX", path[100];
  ck_assert_ptr_nonnull(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/file", directory);
  ck_assert_int_eq(gc__swap_file_open(&file, directory), 0);
  gc__swap_file_close(&file);
  ck_assert_int_eq(gc__swap_file_open(&file, path), 0);
  struct stat is;
  ck_assert_int_eq(fstat(file.file, &is), 0);
  ck_assert_uint_eq(is.st_nlink, 0);
  ck_assert_uint_eq(is.st_mode & 0777, 0600);
  ck_assert(fcntl(file.file, F_GETFD) & FD_CLOEXEC);
  gc__swap_file_close(&file);
  int mine = open(path, O_CREAT | O_WRONLY, 0600);
  ck_assert_int_eq((int)write(mine, "mine", 4), 4);
  ck_assert_int_eq(gc__swap_file_open(&file, path), EEXIST);
  ck_assert(!gc__swap_file_is_there(&file));
  ck_assert_int_eq(fstat(mine, &is), 0);
  ck_assert_uint_eq(is.st_size, 4);
  ck_assert_int_eq(unlink(path), 0);
  ck_assert_int_eq(rmdir(directory), 0); /* it is empty */
  ck_assert_int_eq(gc__swap_file_open(&file, path), ENOENT);
  ck_assert_int_eq(gc__swap_file_open(&file, "/dev/null/x"), ENOTDIR);
}
END_TEST

START_TEST(contents_come_and_go) {
  open_file();
  unsigned char *memory = make_memory();
  save(memory, 7 * page_bytes);
  ck_assert(gc__swap_file_equals(&file, 7 * page_bytes, memory, PAGES * page_bytes));
  memory[123 * page_bytes + 45] ^= 1;
  ck_assert(!gc__swap_file_equals(&file, 7 * page_bytes, memory, PAGES * page_bytes));
  ck_assert(gc__swap_file_equals(&file, 7 * page_bytes, memory, 123 * page_bytes));
  memory[123 * page_bytes + 45] ^= 1;
  ck_assert(!gc__swap_file_equals(&file, 8 * page_bytes, memory, PAGES * page_bytes));
  ck_assert(!gc__swap_file_equals(&file, 1000 * page_bytes, memory, page_bytes)); /* behind the end */
  ck_assert(gc__swap_file_map(&file, 7 * page_bytes, memory, PAGES * page_bytes));
  for (size_t page = 0; page < PAGES; page++) require(memory[page * page_bytes + page] == page % 251 + 1);
  memory[5 * page_bytes] = 0; /* reaches no file */
  ck_assert(gc__swap_file_unmap(memory + 6 * page_bytes, page_bytes));
  for (size_t i = 0; i < page_bytes; i++) require(memory[6 * page_bytes + i] == 0);
  unsigned char *again = make_memory();
  ck_assert(gc__swap_file_equals(&file, 7 * page_bytes, again, PAGES * page_bytes));
  gc__swap_file_close(&file); /* the mapping stays */
  require(memory[PAGES * page_bytes - 1] == (PAGES - 1) % 251 + 1);
  ck_assert(!gc__swap_file_is_there(&file));
  gc__swap_file_close(&file);
}
END_TEST

static void check_written(const unsigned char *memory, bool (*is_written)(size_t)) {
  uint64_t written[(PAGES + 63) / 64];
  memset(written, 0xff, sizeof written);
  ck_assert(gc__swap_file_find_written(memory, PAGES, written));
  for (size_t page = 0; page < PAGES; page++) require(gc__bit_test(written, page) == is_written(page));
}

static bool is_none(size_t page) {
  return page == PAGES;
}
static bool is_all(size_t page) {
  return page < PAGES;
}
static bool is_seventh(size_t page) {
  return page % 7 == 3;
}

START_TEST(written_pages_are_found) {
  open_file();
  unsigned char *memory = make_memory();
  check_written(memory, is_all); /* memory of the process' own */
  save(memory, 0);
  ck_assert(gc__swap_file_map(&file, 0, memory, PAGES * page_bytes));
  check_written(memory, is_none);
  for (size_t page = 0; page < PAGES; page++) require(memory[page * page_bytes] == page % 251 + 1);
  check_written(memory, is_none); /* reading is no writing */
  for (size_t page = 0; page < PAGES; page++)
    if (is_seventh(page)) memory[page * page_bytes + 9] = 0;
  check_written(memory, is_seventh);
  pid_t child = fork();
  if (child == 0) {
    check_written(memory, is_seventh);
    memset(memory, 1, PAGES * page_bytes);
    check_written(memory, is_all);
    _exit(0);
  }
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
  check_written(memory, is_seventh);
  ck_assert(gc__os_discard(memory, PAGES * page_bytes)); /* brings back what the file has */
  check_written(memory, is_none);
  require(memory[3 * page_bytes + 9] == 4);
}
END_TEST

START_TEST(errors_are_results) {
  struct rlimit limit;
  open_file();
  unsigned char *memory = make_memory();
  save(memory, 0);
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = PAGES * page_bytes + 1;
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0); /* else SIGXFSZ */
  ck_assert_int_eq(gc__swap_file_reserve(&file, 0, PAGES * page_bytes), 0);
  ck_assert_int_eq(gc__swap_file_reserve(&file, page_bytes, PAGES * page_bytes), EFBIG);
  ck_assert_int_eq(gc__swap_file_write(&file, 2 * page_bytes, memory, PAGES * page_bytes), EFBIG);
  ck_assert_int_eq(mprotect(memory + 9 * page_bytes, page_bytes, PROT_NONE), 0);
  ck_assert_int_eq(gc__swap_file_write(&file, 0, memory, PAGES * page_bytes), EFAULT);
  struct gc__swap_file full = {.file = open("/dev/full", O_RDWR)};
  ck_assert_int_eq(gc__swap_file_write(&full, 0, memory, page_bytes), ENOSPC);
  ck_assert(!gc__swap_file_is_there(&full)); /* another file than the one that was opened */
  gc__os_fail_request(1);
  ck_assert(!gc__swap_file_map(&file, 0, memory, page_bytes));
  require(memory[0] == 1);
  struct gc__swap_file gone = file;
  ck_assert_int_eq(close(file.file), 0);
  ck_assert(!gc__swap_file_is_there(&gone));
  int other = open("/dev/null", O_RDWR);
  ck_assert(!gc__swap_file_is_there(&gone));
  gc__swap_file_close(&gone); /* is not ours to close */
  ck_assert_int_ge(fcntl(other, F_GETFD), 0);
}
END_TEST

START_TEST(free_space_is_told) {
  open_file();
  ck_assert_uint_gt(gc__swap_file_free_bytes(&file), 0);
}
END_TEST

UNIT_MAIN("swap_file", paths_become_absolute, names, contents_come_and_go, written_pages_are_found, errors_are_results,
          free_space_is_told)
