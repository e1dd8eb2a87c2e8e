/* What fuzz targets share. A target is one file, <module>_<topic>_fuzz.c, that defines
 * LLVMFuzzerTestOneInput. Built for fuzzing (preset fuzz, run.sh) libFuzzer calls it; built as a
 * test, replay.c does, with each file of corpus/<module>_<topic>/. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_ASSERT(condition)                                                                     \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)
