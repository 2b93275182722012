/* os/limit_linux.c - how much memory the process may use: physical memory and control groups, v1 and v2; and when it is
 * short before that (v2 alone has a soft limit that holds back; pressure stall information is there since Linux 4.20).
 *
 * A control group limits the sum of what its members use, and so does each group above it; the least limit counts.
 * Files are read by plain system calls into a buffer on the stack: nothing here allocates. What cannot be read, as
 * where /proc is not there, limits nothing.
 */
#include "os/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_BYTES 4096
#define PATH_BYTES 1024

/* The first bytes of a file as a string; false: it cannot be read. */
static bool read_text(const char *path, char *text, size_t text_bytes) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  size_t length = 0;
  while (length < text_bytes - 1) {
    ssize_t n = read(file, text + length, text_bytes - 1 - length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    length += (size_t)n;
  }
  close(file);
  text[length] = 0;
  return length > 0;
}

/* The leading number of a string; SIZE_MAX where there is none ("max") or it is out of range. */
static size_t parse_bytes(const char *text) {
  size_t value = 0;
  if (*text < '0' || *text > '9') return SIZE_MAX;
  for (; *text >= '0' && *text <= '9'; text++) {
    size_t digit = (size_t)(*text - '0');
    if (value > (SIZE_MAX - digit) / 10) return SIZE_MAX;
    value = value * 10 + digit;
  }
  return value;
}

/* The least limit in the file `name` of a group and of all groups above it. */
static size_t group_limit_bytes(const char *mount, const char *group, const char *name) {
  char prefix[PATH_BYTES], path[PATH_BYTES + 64], text[64];
  size_t least = SIZE_MAX;
  if (snprintf(prefix, sizeof prefix, "%s%s", mount, group) >= (int)sizeof prefix) return least;
  for (;;) {
    snprintf(path, sizeof path, "%s/%s", prefix, name);
    if (read_text(path, text, sizeof text)) {
      size_t limit = parse_bytes(text);
      if (limit < least) least = limit;
    }
    char *slash = strrchr(prefix, '/');
    if (!slash || strlen(prefix) <= strlen(mount)) return least;
    *slash = 0;
  }
}

/* The limit that one line of /proc/self/cgroup ("id:controllers:/path") stands for. */
static size_t line_limit_bytes(char *line) {
  char *controllers = strchr(line, ':');
  char *group = controllers ? strchr(controllers + 1, ':') : NULL;
  if (!group) return SIZE_MAX;
  *group++ = 0;
  controllers++;
  if (!*controllers) return group_limit_bytes("/sys/fs/cgroup", group, "memory.max");
  char *rest;
  for (char *name = strtok_r(controllers, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
    if (!strcmp(name, "memory")) return group_limit_bytes("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
  return SIZE_MAX;
}

size_t gc__os_memory_limit_bytes(void) {
  char text[TEXT_BYTES];
  long pages = sysconf(_SC_PHYS_PAGES);
  size_t least = pages > 0 ? (size_t)pages * gc__os_page_bytes() : SIZE_MAX;
  if (!read_text("/proc/self/cgroup", text, sizeof text)) return least;
  char *rest;
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    size_t limit = line_limit_bytes(line);
    if (limit < least) least = limit;
  }
  return least;
}

/* The number after so many spaces, in pages. */
static size_t read_pages(const char *text, unsigned spaces) {
  for (; spaces && text; spaces--) {
    text = strchr(text, ' ');
    if (text) text++;
  }
  size_t pages = text ? parse_bytes(text) : 0;
  return pages == SIZE_MAX ? 0 : pages * gc__os_page_bytes();
}

size_t gc__os_resident_bytes(size_t *file_bytes) {
  char text[128];
  bool is_known = read_text("/proc/self/statm", text, sizeof text);
  *file_bytes = is_known ? read_pages(text, 2) : 0;
  return is_known ? read_pages(text, 1) : 0;
}

/* ---- Pressure ---- */

/* The number behind a word of a text, and spaces; 0: it is not there. */
static uint64_t number_after(const char *text, const char *word) {
  const char *found = strstr(text, word);
  if (found) found += strlen(word) + strspn(found + strlen(word), " ");
  size_t number = found ? parse_bytes(found) : 0;
  return number == SIZE_MAX ? 0 : number;
}

/* A file of the group in which the process is (v2); false: there is none. */
static bool read_group_file(const char *name, char *text, size_t text_bytes) {
  char groups[TEXT_BYTES], path[PATH_BYTES + 64];
  if (!read_text("/proc/self/cgroup", groups, sizeof groups)) return false;
  char *group = strncmp(groups, "0::", 3) == 0 ? groups : strstr(groups, "\n0::");
  if (!group) return false;
  group += *group == '\n' ? 4 : 3;
  group[strcspn(group, "\n")] = 0;
  if (snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", group, name) >= (int)sizeof path) return false;
  return read_text(path, text, text_bytes);
}

/* Whether less than a tenth of the machine's memory is to be had: else who waits for memory on it has a limit of its
 * own.
 */
static bool is_machine_short(void) {
  char text[512];
  if (!read_text("/proc/meminfo", text, sizeof text)) return false;
  return number_after(text, "MemAvailable:") < number_after(text, "MemTotal:") / 10;
}

bool gc__os_memory_pressure(struct gc__pressure *pressure, uint64_t now_ns) {
  char text[512];
  struct gc__pressure now = {.asked_ns = now_ns};
  if (read_group_file("memory.events", text, sizeof text)) now.throttled = number_after(text, "high ");
  if (read_group_file("memory.pressure", text, sizeof text) ||
      (is_machine_short() && read_text("/proc/pressure/memory", text, sizeof text)))
    now.stalled_us = number_after(text, "total=");
  return gc__pressure_rises(pressure, &now);
}
