/* The readers of policies/NAME.yaml and belay.yaml. */
#include <unistd.h>

#include "base/fs.h"
#include "fuzz.h"
#include "run/config.h"

static char dir[] = "/tmp/belay-fuzz-XXXXXX";

static void remove_dir(void)
{
  CLEANUP(free_ptr) char *path = x_printf("%s/fuzz.yaml", dir);
  unlink(path);
  rmdir(dir);
}

static void write_file(const char *path, const uint8_t *data, size_t size)
{
  FILE *file = fopen(path, "wb");
  FUZZ_ASSERT(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static bool made;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err err = ERR_INIT, config_err = ERR_INIT;
  if (!made) {
    FUZZ_ASSERT(mkdtemp(dir));
    atexit(remove_dir);
    made = true;
  }
  const char *path = arena_printf(arena, "%s/fuzz.yaml", dir);
  write_file(path, data, size);
  const struct config config = {.dir = dir, .policies_dir = dir};
  struct policy policy;
  struct config read;
  if (policy_read(arena, &config, "fuzz", &policy, &err) < 0)
    FUZZ_ASSERT(err.message && strlen(err.message) > 0);
  if (config_read(arena, path, dir, &read, &config_err) < 0)
    FUZZ_ASSERT(config_err.message && strlen(config_err.message) > 0);
  return 0;
}
