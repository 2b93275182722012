/* tests/unit/os/fault.c - one handler of page faults: who is asked, who is told, and what the program's own handlers
 * see. More on the program's handlers is in watch_protect.c.
 */
#include "../unit.h"
#include "os/fault.h"
#include "os/memory.h"

#include <setjmp.h>
#include <signal.h>

static sigjmp_buf after_fault;
static volatile unsigned asked, told, handled;
static volatile uintptr_t told_address;
static char *page, one, other; /* the latter: tellers */

static bool open_page(void *argument, uintptr_t address) {
  asked = asked + 1;
  return address == (uintptr_t)page && argument == &page && gc__os_protect(page, gc__os_page_bytes(), GC__ACCESS_WRITE);
}

static bool tell(void *argument, uintptr_t address) {
  (void)argument;
  told = told + 1;
  told_address = address;
  return true;
}

static void leave(int number, siginfo_t *info, void *context) {
  (void)number, (void)info, (void)context;
  handled = handled + 1;
  siglongjmp(after_fault, 1);
}

static void install_own(int number) {
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = leave;
  ck_assert_int_eq(sigaction(number, &action, NULL), 0);
}

__attribute__((no_sanitize("address", "undefined", "thread"))) static void touch(char *at) {
  *(volatile char *)at = 1;
}

/* Whether the program's own handler got it. */
static bool faults(char *at) {
  if (sigsetjmp(after_fault, 1)) return true;
  touch(at);
  return false;
}

static void open_closed_page(void) {
  page = gc__os_reserve(gc__os_page_bytes(), gc__os_page_bytes());
  ck_assert(page && gc__os_commit(page, gc__os_page_bytes()) && gc__os_close(page, gc__os_page_bytes()));
}

static bool is_own(int number) {
  struct sigaction now;
  ck_assert_int_eq(sigaction(number, NULL, &now), 0);
  return now.sa_sigaction == leave;
}

START_TEST(the_opener_is_asked_first) {
  if (UNDER_TSAN) SKIP_TEST("ThreadSanitizer changes how signals are handled");
  open_closed_page();
  install_own(SIGSEGV);
  install_own(SIGBUS);
  ck_assert(gc__fault_tell_with(tell, &one));
  ck_assert(faults(page) && told == 1 && handled == 1 && told_address == (uintptr_t)page);
  ck_assert(gc__fault_open_with(open_page, &page));
  ck_assert(!faults(page) && asked == 1 && told == 1);
  ck_assert(faults((char *)16) && told == 2 && handled == 2); /* nothing is mapped there: no protection */
  ck_assert_uint_eq(asked, 1);
  gc__fault_open_no_more();
  ck_assert(!is_own(SIGSEGV) && !is_own(SIGBUS));
  ck_assert(gc__os_close(page, gc__os_page_bytes()));
  ck_assert(faults(page) && told == 3 && asked == 1);
  gc__fault_tell_no_more(&page); /* not its teller */
  ck_assert(!is_own(SIGSEGV));
  gc__fault_tell_no_more(&one);
  ck_assert(is_own(SIGSEGV) && is_own(SIGBUS));
  ck_assert(faults(page) && told == 3);
}
END_TEST

START_TEST(there_is_one_teller) {
  ck_assert(gc__fault_tell_with(tell, &one) && gc__fault_tell_with(tell, &one));
  ck_assert(!gc__fault_tell_with(tell, &other));
  gc__fault_tell_no_more(&one);
  ck_assert(gc__fault_tell_with(tell, &other));
  gc__fault_tell_no_more(&other);
}
END_TEST

static struct sigaction ours;

static void call_what_was_found(int number, siginfo_t *info, void *context) {
  handled = handled + 1;
  if (handled == 1) ours.sa_sigaction(number, info, context);
  siglongjmp(after_fault, 1);
}

/* A handler over ours that calls ours, which calls it again where it knows it. */
START_TEST(a_fault_is_told_once) {
  if (UNDER_TSAN) SKIP_TEST("ThreadSanitizer changes how signals are handled");
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  open_closed_page();
  install_own(SIGSEGV);
  ck_assert(gc__fault_tell_with(tell, &one));
  ck_assert_int_eq(sigaction(SIGSEGV, NULL, &ours), 0);
  action.sa_sigaction = call_what_was_found;
  ck_assert_int_eq(sigaction(SIGSEGV, &action, NULL), 0);
  ck_assert(gc__fault_open_with(open_page, NULL)); /* ours over that one */
  ck_assert(faults(page));
  ck_assert_uint_eq(told, 1);
  ck_assert_uint_ge(handled, 2);
}
END_TEST

static void die_of_fault(void *unused) {
  (void)unused;
  signal(SIGSEGV, SIG_DFL);
  ck_assert(gc__fault_tell_with(tell, &one));
  touch(page);
}

START_TEST(without_a_handler_a_program_dies_by_the_signal) {
  char text[100];
  open_closed_page();
  int status = unit_in_child(die_of_fault, NULL, text, sizeof text);
  ck_assert_int_eq(status & 0x7f, SIGSEGV);
}
END_TEST

UNIT_MAIN("os/fault", the_opener_is_asked_first, there_is_one_teller, a_fault_is_told_once,
          without_a_handler_a_program_dies_by_the_signal)
