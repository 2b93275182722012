/* tests/libgc/cplusplus.cc - gc_cpp.h and gc_allocator.h; exceptions that leave through the collector. Prints what went
 * wrong, and ends with its count. */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <map>
#include <new>
#include <string>
#include <vector>

#include <gc/gc_allocator.h>
#include <gc_cpp.h>

static int failures;

static void check(bool holds, const char *what) {
  if (holds) return;
  std::printf("%s\n", what);
  failures++;
}

struct Node : public gc {
  Node *next;
  int number;
  Node(Node *next, int number) : next(next), number(number) {}
};

static int destroyed;
struct Cleaned : public gc_cleanup {
  int number;
  explicit Cleaned(int number) : number(number) {}
  ~Cleaned() { destroyed += number > 0; }
};

static int cleaned_up;
static void clean_up(void *, void *data) {
  *static_cast<int *>(data) += 1;
}

__attribute__((noinline)) static void make_cleaned() {
  for (int i = 0; i < 1000; i++) {
    new Cleaned(1);
    new (UseGC, clean_up, &cleaned_up) int;
  }
  delete new Cleaned(1); /* its finalizer is taken back */
}

struct Full {};
static void *throw_full(size_t) {
  throw Full();
}

static bool catches() {
  try {
    std::vector<char, gc_allocator<char>> much(static_cast<std::size_t>(1) << 31);
  } catch (const Full &) {
    return true;
  }
  return false;
}

static bool throws_bad_alloc() {
  try {
    gc_allocator<char>().allocate(static_cast<std::size_t>(1) << 31);
  } catch (const std::bad_alloc &) {
    return true;
  }
  return false;
}

int main() {
  GC_set_max_heap_size(256ul << 20);
  GC_INIT();
  Node *first = nullptr;
  for (int i = 0; i < 200000; i++) first = new Node(i % 100 ? first : nullptr, i);
  for (int i = 199999; first; first = first->next, i--) check(first->number == i, "a list is whole");

  std::map<std::string, std::vector<int, gc_allocator<int>>, std::less<std::string>,
           traceable_allocator<std::pair<const std::string, std::vector<int, gc_allocator<int>>>>>
      map;
  for (int i = 0; i < 50000; i++) map[std::to_string(i % 500)].push_back(i);
  std::list<Node *, gc_allocator_ignore_off_page<Node *>> list;
  for (int i = 0; i < 1000; i++) list.push_back(new Node(nullptr, i));
  GC_gcollect();
  GC_gcollect();
  check(map["77"].size() == 100 && map["77"][99] == 49577, "containers in a traceable map are whole");
  int expected = 0;
  for (Node *node : list) check(node->number == expected++, "a list of nodes is whole");
  check(std::vector<int, gc_allocator<int>>(10, 7)[9] == 7, "a vector is filled");

  make_cleaned();
  for (int i = 0; i < 3; i++) GC_gcollect();
  check(destroyed > 950 && destroyed <= 1001, "destructors ran");
  check(cleaned_up > 950 && cleaned_up <= 1000, "functions ran");

  int *kept = new (NoGC) int(5), *leaf = new (PointerFreeGC) int[100];
  check(*kept == 5 && leaf[99] == 0 && GC_size(leaf) >= 400, "places");
  operator delete(kept, NoGC, nullptr, nullptr);

  check(throws_bad_alloc(), "no memory is bad_alloc");
  GC_set_oom_fn(throw_full);
  for (int i = 0; i < 3; i++) check(catches(), "an exception leaves through the collector");
  check(new Node(nullptr, 1) != nullptr, "memory after that");
  return failures;
}
