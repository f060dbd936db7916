/*
 * watch.h - looking at threads from outside: whether a guarded call (guard.h)
 * ever returns.
 *
 * A thread is in the same call as before when its innermost frame is at the same
 * place, and none of the words that it counts its work in has changed. It
 * can be interrupted then: a signal's handler says where it is, and may abandon
 * the call as after a fault, if that is in a plugin's own image. In a library or in the
 * host it is left alone: locks could be held there.
 */
#ifndef _NETISR_WATCH_H_
#define _NETISR_WATCH_H_

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "fault.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A thread's.  Zero it first.  Between open and close, under a lock that the
 * watcher holds for every look and interruption. */
struct netisr_host_watch {
	int is_open;
	pthread_t thread;
	clockid_t clock;               /* its CPU time */
	void *frame;                   /* where its innermost frame stands */
	const uint64_t *words;         /* what it counts its work in */
	size_t count;
	/* Of an interruption: what must still be so; then what came of it.  `answer`
	 * says who may touch them, see watch.c. */
	uintptr_t wanted_frame;
	uint64_t wanted_progress;
	int may_abandon;
	int answer;
	struct netisr_host_fault fault; /* where it was, unless it went on */
};

struct netisr_host_look {
	uintptr_t frame;   /* 0: in no guarded call */
	uint64_t progress;
	uint64_t cpu;      /* ns that the thread has run */
};

/* The answers. */
#define NETISR_HOST_WATCH_NONE      0 /* the thread did not come to it yet */
#define NETISR_HOST_WATCH_MOVED     1 /* the call has returned */
#define NETISR_HOST_WATCH_PLUGIN    2 /* in a plugin's image */
#define NETISR_HOST_WATCH_ELSEWHERE 3 /* in a library, or in the host */
#define NETISR_HOST_WATCH_ABANDONED 4 /* recovered, as after a fault of signal SIGXCPU */

/* Catches the signal from now on; 0 or an errno value. */
int netisr_host_watch_install(void);

/* The calling thread is to be watched, or no more. */
void netisr_host_watch_open(struct netisr_host_watch *watch, const void *words, size_t count);
void netisr_host_watch_close(struct netisr_host_watch *watch);

/* By the watcher: 1, or 0 when the thread is not watched. */
int netisr_host_watch_look(const struct netisr_host_watch *watch, struct netisr_host_look *look);

/*
 * By the watcher: interrupts the thread, if it is still where the look says,
 * and waits up to 100 ms for it to take the signal, then for its answer.
 */
int netisr_host_watch_interrupt(struct netisr_host_watch *watch, const struct netisr_host_look *look, int may_abandon);

#ifdef __cplusplus
}
#endif

#endif /* !_NETISR_WATCH_H_ */
