/* store_send PLACE FILE...: sends the files to a place and reads nothing back: what signing and
 * sending takes by itself, for tests/bench/s3.sh. Prints the bytes and the CPU seconds, user and
 * system, of this process from its first instruction on. */
#include "base/base.h"
#include "store/place.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PIECE = 4 * 1024 * 1024 }; /* as belay copy reads */

static int send_file(struct place *place, const char *key, const char *path, char *piece,
                     uint64_t *ret_bytes, struct err *err)
{
  CLEANUP(sink_freep) struct sink *sink = NULL;
  CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return err_errno(err, ERR_UNEXPECTED, "%s", path);
  if (place_writer(place, key, &sink, err) < 0)
    return -1;
  for (ssize_t n; (n = read(fd, piece, PIECE)) != 0; *ret_bytes += (uint64_t)n) {
    if (n < 0)
      return err_errno(err, ERR_UNEXPECTED, "%s", path);
    if (sink_write(sink, piece, (size_t)n, err) < 0)
      return -1;
  }
  return sink_finish(sink, err);
}

static double seconds(struct timeval t)
{
  return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(place_closep) struct place *place = NULL;
  CLEANUP(free_ptr) char *piece = x_malloc(PIECE);
  uint64_t bytes = 0;
  struct rusage used;
  int status = argc > 2 ? place_open(argv[1], &place, &err)
                        : err_set(&err, ERR_USAGE, "usage: store_send PLACE FILE...");
  for (int i = 2; i < argc && status == 0; i++) {
    char key[32];
    snprintf(key, sizeof(key), "file-%d", i - 1);
    status = send_file(place, key, argv[i], piece, &bytes, &err);
  }
  if (status < 0) {
    fprintf(stderr, "store_send: %s\n", err.message);
    return 1;
  }
  getrusage(RUSAGE_SELF, &used);
  printf("%" PRIu64 " %.3f\n", bytes, seconds(used.ru_utime) + seconds(used.ru_stime));
  return 0;
}
