/* late.c: loads a library when a function of it is called for the first time. cmake/late.sh says
 * why, and makes the functions that come here.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

struct late_library {
  const char *soname;
  const char *names; /* each ends with a NUL, an empty one is the end */
  void **slots;      /* one a name */
};

void late_load(struct late_library *library);

static NORETURN void die_without(const char *soname)
{
  const char *why = dlerror();
  (void)fprintf(stderr,
                "error: cannot load the library %s: %s\n"
                "hint: Install the package that holds it.\n",
                soname, why ? why : "it lacks a function");
  exit(1);
}

/* Called with the arguments of another function waiting; two threads may come at once. */
void late_load(struct late_library *library)
{
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  void *handle = dlopen(library->soname, RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    die_without(library->soname);
  void **slot = library->slots;
  for (const char *name = library->names; *name; name += strlen(name) + 1, slot++) {
    void *function = dlsym(handle, name);
    if (!function)
      die_without(library->soname);
    __atomic_store_n(slot, function, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&mutex);
}
