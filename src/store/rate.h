/* store/rate.h: a bound on the bytes that go to a place or come from it in a second, shared by all
 * who write and read there.
 *
 *   struct rate *rate = rate_new(10 * 1024 * 1024);
 *   sink = sink_limited(sink, rate);     // owns the sink, borrows the rate
 */
#pragma once

#include "store/stream.h"

struct rate;

struct rate *rate_new(uint64_t bytes_per_s) MUST_CHECK;
void rate_free(struct rate *rate); /* NULL is fine */
/* Until so many bytes may go; ERR_INTERRUPTED and its like when a signal came meanwhile. */
int rate_wait(struct rate *rate, size_t len, struct err *err);
struct sink *sink_limited(struct sink *next, struct rate *rate) MUST_CHECK;
