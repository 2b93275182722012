/* Compiled by gcc on the library, which allocates a lot for it: functions with loops, switches and structures. */
struct item { struct item *next; long key, value[4]; };
long sum(const struct item *list);

long sum(const struct item *list) {
  long total = 0;
  for (; list; list = list->next)
    for (int i = 0; i < 4; i++) total += list->value[i] * (list->key ^ i);
  return total;
}

#define MIX(name, a, b)                                                                                                \
  long name(struct item *list, long n);                                                                                \
  long name(struct item *list, long n) {                                                                               \
    long found = 0;                                                                                                    \
    for (struct item *at = list; at; at = at->next) {                                                                  \
      switch ((at->key * a + n) % 7) {                                                                                 \
      case 0:                                                                                                          \
        at->value[n & 3] += b;                                                                                         \
        break;                                                                                                         \
      case 1:                                                                                                          \
        found ^= at->key << (n % a);                                                                                   \
        break;                                                                                                         \
      case 5:                                                                                                          \
        if (at->next) found += sum(at->next) / (b + 1);                                                                \
        break;                                                                                                         \
      default:                                                                                                         \
        for (long i = n; i > 0; i -= a) found += at->value[i & 3] ^ b;                                                 \
      }                                                                                                                \
    }                                                                                                                  \
    return found;                                                                                                      \
  }

#define MIX_4(name, a)    MIX(name##0, a, 3) MIX(name##1, a, 7) MIX(name##2, a, 12) MIX(name##3, a, 31)
#define MIX_16(name, a)   MIX_4(name##0, a) MIX_4(name##1, (a + 1)) MIX_4(name##2, (a + 2)) MIX_4(name##3, (a + 3))
#define MIX_64(name, a)   MIX_16(name##0, a) MIX_16(name##1, (a + 4)) MIX_16(name##2, (a + 8)) MIX_16(name##3, (a + 12))

MIX_64(mix, 3)
