/* base.h: what every module of belay stands on. Include this one header; it includes the rest.
 *
 *   err    errors that are complete enough to print          (err.h)
 *   mem    out of memory = message and exit; CLEANUP owners   (mem.h)
 *   arena  many small long-lived things, freed together       (arena.h)
 *   text   a growing byte string with one owner               (text.h)
 *   vec    growing arrays that live in an arena               (vec.h)
 *   map    string -> pointer, lives in an arena               (map.h)
 */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/banned.h"
#include "base/mem.h"
#include "base/err.h"
#include "base/arena.h"
#include "base/text.h"
#include "base/vec.h"
#include "base/map.h"
