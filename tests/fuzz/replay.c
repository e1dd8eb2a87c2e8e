/* replay DIR: gives every file of the directory to the target. */
#include <dirent.h>

#include "base/fs.h"
#include "fuzz.h"

static int replay(const char *path)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err err = ERR_INIT;
  char *bytes;
  size_t len;
  if (fs_read(arena, path, &bytes, &len, &err) < 0) {
    fprintf(stderr, "%s\n", err.message);
    return -1;
  }
  uint8_t *exact = x_malloc(len ? len : 1); /* so that a byte too far is seen */
  memcpy(exact, bytes, len);
  LLVMFuzzerTestOneInput(exact, len);
  free(exact);
  return 0;
}

int main(int argc, char **argv)
{
  DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
  int count = 0;
  if (!dir) {
    fprintf(stderr, "usage: replay DIR\n");
    return 2;
  }
  for (struct dirent *entry; (entry = readdir(dir));) {
    CLEANUP(free_ptr) char *path = x_printf("%s/%s", argv[1], entry->d_name);
    if (entry->d_name[0] == '.')
      continue;
    if (replay(path) < 0)
      return 1;
    count++;
  }
  closedir(dir);
  printf("%d files\n", count);
  return count > 0 ? 0 : 1;
}
