/*
 * counter.h - counters that live in the host and survive reloads.
 *
 * Each workstream (thread) has its own copy, so adding is a plain store; the
 * host adds the copies up when somebody looks.
 */
#ifndef _COUNTER_H_
#define _COUNTER_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint32_t counter_t;

/* The counter to which nobody looks: what an unset counter_t adds to. */
#define COUNTER_NONE 0

/*
 * Finds or makes the counter "group.name" (at most 63 bytes, [a-z0-9_-] on
 * both sides of one dot).  The same name gives the same counter, also to a
 * later generation.  [control] EINVAL: bad name; ENOSPC: too many counters.
 */
int counter_define(const char *name, counter_t *counterp);
/* Adds n.  [any thread] */
void counter_add(counter_t counter, uint64_t n);
/* The sum over all threads.  [any thread] */
uint64_t counter_fetch(counter_t counter);

#ifdef __cplusplus
}
#endif

#endif /* !_COUNTER_H_ */
