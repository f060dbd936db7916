/*
 * watch.h - looking at threads from outside: whether a guarded call (guard.h)
 * ever returns.
 *
 * A thread is in the same call as before when its innermost frame is at the same
 * place, and none of the words that it counts its work in has changed. It
 * can be interrupted then: a signal's handler says where it is, and may abandon
 * the call as after a fault, if that is in a plugin's own image. In a library or in the
 * host it is left alone: locks could be held there.
 *
 * A call that is in a library for ever is lost with its thread.  From then on others may
 * do its work: the thread's record is not its own any more, and should the call ever
 * return, or fault, or call the host, the thread ends without touching anything (netisr_host_lost).  Not while any of the
 * host's functions is between the plugin's code and the thread's guarded call: these hold state.
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
	int32_t number;                /* gettid(2) */
	clockid_t clock;               /* its CPU time */
	void *frame;                   /* where its innermost frame stands */
	const uint64_t *words;         /* what it counts its work in */
	size_t count;
	/* Of an interruption: what must still be so; then what came of it.  `answer`
	 * says who may touch them, see watch.c. */
	uintptr_t wanted_frame;
	uint64_t wanted_progress;
	int means;                     /* NETISR_HOST_WATCH_LOOK, ... */
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
#define NETISR_HOST_WATCH_LOST      5 /* it never comes back */

/* What an interruption may do. */
#define NETISR_HOST_WATCH_LOOK    0 /* nothing */
#define NETISR_HOST_WATCH_ABANDON 1 /* abandon the call, in a plugin's image */
#define NETISR_HOST_WATCH_LOSE    2 /* the same; in a library, give up the thread */

/* Catches the signal from now on; 0 or an errno value. */
int netisr_host_watch_install(void);

/* The calling thread is to be watched, or no more. */
void netisr_host_watch_open(struct netisr_host_watch *watch, const void *words, size_t count);
void netisr_host_watch_close(struct netisr_host_watch *watch);

/* By the watcher: 1, or 0 when the thread is not watched. */
int netisr_host_watch_look(const struct netisr_host_watch *watch, struct netisr_host_look *look);

/*
 * By the watcher: 1 when the thread sleeps, for whatever (proc_pid_stat(5)); 0 when it
 * runs, or would if it were given a CPU.
 */
int netisr_host_watch_sleeps(const struct netisr_host_watch *watch);

/*
 * By the watcher: interrupts the thread, if it is still where the look says,
 * and waits up to 100 ms for it to take the signal, then for its answer.
 */
int netisr_host_watch_interrupt(struct netisr_host_watch *watch, const struct netisr_host_look *look, int means);

/* Whether the calling thread is lost; and its end. */
int netisr_host_is_lost(void);
__attribute__((noreturn)) void netisr_host_end_lost(void);

/* By the watcher, for each lost thread: nothing on its stack is looked at any more. */
void netisr_host_taken_over(void);

#ifdef __cplusplus
}
#endif

#endif /* !_NETISR_WATCH_H_ */
