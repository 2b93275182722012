/* hello: a first program on trefoil. It is a malloc program with gc_alloc for malloc and no free: each round builds
 * a list of strings and forgets it, so that the heap stays small although a million objects are made. */
#include <stdio.h>
#include <stdlib.h>

#include <trefoil/gc.h>

struct node {
  const char *text;
  struct node *next;
};

static struct node *push(struct node *list, int number) {
  struct node *node = gc_new(struct node);
  if (!node || !(node->text = gc_asprintf("item %d", number))) exit(EXIT_FAILURE);
  node->next = list;
  return node;
}

int main(void) {
  for (int round = 1; round <= 10; round++) {
    struct node *list = NULL;
    int count = 0;
    for (int number = 1; number <= 50000; number++) list = push(list, number);
    for (struct node *node = list; node; node = node->next) count++;
    printf("round %d: %d items, the last is \"%s\"\n", round, count, list->text);
  }
  return EXIT_SUCCESS;
}
