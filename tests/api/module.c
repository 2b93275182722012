/* tests/api/module.c - a library that roots.c opens and closes while it runs: its data, zeroed data and thread-local
 * variables each have room for one pointer.
 */
__attribute__((visibility("default"))) void *module_data = (void *)&module_data;
__attribute__((visibility("default"))) void *module_zeroed;

static _Thread_local void *thread_local_zeroed;
static _Thread_local void *thread_local_data = (void *)1;
static _Thread_local void *filler[1000]; /* too large for what the loader keeps in reserve: really dynamic */

void **module_thread_local(int which);

__attribute__((visibility("default"))) void **module_thread_local(int which) {
  return which == 0 ? &thread_local_zeroed : which == 1 ? &thread_local_data : &filler[500];
}
