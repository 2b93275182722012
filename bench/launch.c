/* bench/launch.c - runs one program and writes what it used to a file, as JSON.
 *
 *     launch RESULT WARM_BYTES LIMIT_S PROGRAM [ARGUMENT...]
 *
 * Why not from Python: the peak memory that wait4 gives starts at what the parent had when it forked, 10 to 20 MB for
 * an interpreter and 1 MB for this program. Before the program starts, WARM_BYTES of memory are taken, touched and
 * given back by a process of their own: in a virtual machine the first use of a page that the host has to find costs
 * up to 10 microseconds, which would be charged to whoever runs first. A program that runs longer than LIMIT_S
 * seconds is killed. Status: 0 if the program was run, whatever became of it.
 *
 * The mean of the resident memory is that over the time of the run: the kernel's figure (/proc/PID/statm) is read every
 * two milliseconds, which takes about a thousandth of one processor. Peak and mean are of the program itself, not of
 * processes that it starts.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLE_NS = 2000000 };

struct outcome {
  uint64_t start_ns; /* by CLOCK_MONOTONIC */
  uint64_t wall_ns;
  uint64_t mean_bytes; /* resident; 0: unknown */
  int status;
  int is_timed_out;
  struct rusage usage;
};

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static pid_t fork_or_die(void) {
  pid_t child = fork();
  if (child < 0) {
    fprintf(stderr, "launch: fork: %s\n", strerror(errno));
    exit(2);
  }
  /* Nothing outlives an interrupted benchmark. */
  if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  return child;
}

static void warm_memory(size_t bytes) {
  if (bytes == 0) return;
  pid_t child = fork_or_die();
  if (child == 0) {
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) _exit(0); /* a cold start is no reason to measure nothing */
    for (size_t i = 0; i < bytes; i += 4096) ((volatile char *)memory)[i] = 1;
    _exit(0);
  }
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
}

static pid_t start_program(char **command) {
  pid_t child = fork_or_die();
  if (child != 0) return child;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execvp(command[0], command);
  fprintf(stderr, "%s: %s\n", command[0], strerror(errno));
  _exit(127);
}

/* ---- Memory over time ---- */

struct sampler {
  int file; /* /proc/PID/statm, which goes on telling after the process has become the program; -1: not there */
  uint64_t last_ns, sampled_ns;
  double byte_ns;
};

static struct sampler sampler_start(pid_t child, uint64_t start_ns) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/statm", (int)child);
  return (struct sampler){open(path, O_RDONLY | O_CLOEXEC), start_ns, 0, 0};
}

/* What is resident now stands for the time since the sample before. A process that has ended holds nothing: no sample.
 */
static void take_sample(struct sampler *sampler) {
  char text[128];
  unsigned long resident_pages = 0;
  ssize_t length = pread(sampler->file, text, sizeof text - 1, 0);
  uint64_t now = now_ns(), passed_ns = now - sampler->last_ns;
  if (length <= 0) return;
  text[length] = '\0';
  if (sscanf(text, "%*u %lu", &resident_pages) != 1 || resident_pages == 0) return;
  sampler->byte_ns += (double)resident_pages * (double)sysconf(_SC_PAGESIZE) * (double)passed_ns;
  sampler->sampled_ns += passed_ns;
  sampler->last_ns = now;
}

static uint64_t sampler_finish(struct sampler *sampler) {
  if (sampler->file >= 0) close(sampler->file);
  return sampler->sampled_ns == 0 ? 0 : (uint64_t)(sampler->byte_ns / (double)sampler->sampled_ns);
}

/* Waits for SIGCHLD, which is blocked, at most until the given time; false: the time is over. */
static int wait_for_child(uint64_t until_ns, struct sampler *sampler) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  for (;;) {
    uint64_t now = now_ns();
    if (now >= until_ns) return 0;
    struct timespec rest = {0, until_ns - now < SAMPLE_NS ? (long)(until_ns - now) : SAMPLE_NS};
    if (sigtimedwait(&set, NULL, &rest) == SIGCHLD) return 1;
    take_sample(sampler);
  }
}

static struct outcome run_program(char **command, uint64_t limit_s) {
  uint64_t start_ns = now_ns();
  struct outcome outcome = {.start_ns = start_ns};
  pid_t child = start_program(command);
  struct sampler sampler = sampler_start(child, start_ns);
  if (!wait_for_child(start_ns + limit_s * 1000000000u, &sampler)) {
    outcome.is_timed_out = 1;
    kill(child, SIGKILL);
  }
  while (wait4(child, &outcome.status, 0, &outcome.usage) < 0 && errno == EINTR) continue;
  outcome.wall_ns = now_ns() - start_ns;
  outcome.mean_bytes = sampler_finish(&sampler);
  return outcome;
}

static uint64_t time_ns(struct timeval time) {
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

static int write_outcome(const char *path, const struct outcome *outcome) {
  FILE *file = fopen(path, "w");
  if (file == NULL) return -1;
  fprintf(file,
          "{\"start_ns\":%llu,\"wall_ns\":%llu,\"user_ns\":%llu,\"system_ns\":%llu,\"peak_bytes\":%llu,"
          "\"mean_bytes\":%llu,\"major_faults\":%ld,"
          "\"exit_status\":%d,\"signal\":%d,\"is_timed_out\":%s}\n",
          (unsigned long long)outcome->start_ns, (unsigned long long)outcome->wall_ns,
          (unsigned long long)time_ns(outcome->usage.ru_utime), (unsigned long long)time_ns(outcome->usage.ru_stime),
          (unsigned long long)outcome->usage.ru_maxrss * 1024, (unsigned long long)outcome->mean_bytes,
          outcome->usage.ru_majflt, WIFEXITED(outcome->status) ? WEXITSTATUS(outcome->status) : -1,
          WIFSIGNALED(outcome->status) ? WTERMSIG(outcome->status) : 0, outcome->is_timed_out ? "true" : "false");
  return fclose(file);
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: launch RESULT WARM_BYTES LIMIT_S PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  warm_memory(strtoull(argv[2], NULL, 10)); /* before SIGCHLD is blocked: the end of that process is no news */
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
  struct outcome outcome = run_program(argv + 4, strtoull(argv[3], NULL, 10));
  if (write_outcome(argv[1], &outcome) != 0) {
    fprintf(stderr, "launch: %s: %s\n", argv[1], strerror(errno));
    return 2;
  }
  return 0;
}
