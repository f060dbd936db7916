/*
 * fault.h - faults of plugin code: told apart from the host's, written down,
 * and recovered from at the innermost guarded call (guard.h).
 *
 * A fault is the plugin's when the code that raised it lies in the image of a
 * plugin, or was called from there directly: a function of a library that was
 * given a wild pointer, or a jump into nowhere.  Everything else ends the
 * process, as it would have without us: the host's own functions hold
 * state that nobody could put right, and so may a library that is deeper in
 * its own affairs (an allocator with a lock held).  abort(3) counts by who called
 * it.  So do exit(3) and the like, which are no faults, but would end the process,
 * too: ending.c stands in front of the C library's.
 *
 * Before such a fault ends the process, standard error is told whose code was
 * running (last_words.c).
 *
 * What a plugin has written before it faulted stays written.  That is the limit
 * of this: one process, one memory.
 */
#ifndef _NETISR_FAULT_H_
#define _NETISR_FAULT_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NETISR_HOST_REGISTERS 18
#define NETISR_HOST_FRAMES    48
#define NETISR_HOST_SNAPLEN   2048

/* What is known of a fault.  Addresses as they were in memory. */
struct netisr_host_fault {
	uint64_t time;       /* nanoseconds since 1970 */
	int32_t signal;      /* SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT; SIGXCPU: it did not return (watch.h); 0: `called` */
	int32_t code;        /* si_code */
	uintptr_t address;   /* si_addr: what was touched, or the instruction */
	uintptr_t pc;        /* the instruction */
	uintptr_t plugin_pc; /* the innermost address in the plugin's image */
	int32_t is_overflow; /* whether the stack was exhausted */
	int32_t thread;      /* gettid(2) */
	const char *called;  /* the function that would have ended process or thread; NULL: none */
	int32_t status;      /* its argument */
	int32_t is_lost;     /* whether the thread never comes back (watch.h) */
	uint32_t batch_index, batch_count; /* the packet's place among those of its call; 0 of 0: no packet */
	void *subject;       /* of the guarded call */
	uintptr_t registers[NETISR_HOST_REGISTERS]; /* netisr_host_register_name() */
	uint32_t frame_count;
	uint32_t packet_length; /* bytes of the packet in flight; 0: none, or not readable */
	uintptr_t frames[NETISR_HOST_FRAMES]; /* return addresses, the instruction first */
	uint32_t captured;      /* bytes of it in packet */
	uint8_t packet[NETISR_HOST_SNAPLEN];
	int32_t misuse;         /* of an mbuf (misuse.h), which is at address; 0: none */
	uint32_t mark;          /* then: who had it last, as far as that is known; 0: nobody */
};

/* rip, rsp, ...: the names of registers[index]; NULL past the end. */
const char *netisr_host_register_name(unsigned int index);

/*
 * Catches faults in this process from now on.  What was installed before still
 * gets those that are not a plugin's.  0 or an errno value.
 */
int netisr_host_faults_install(void);

/*
 * Gives the calling thread a stack for the signal handler, until it ends: a
 * thread without one does not survive an overflow of its stack.  0 or an errno value.
 */
int netisr_host_fault_prepare(void);

/*
 * Says that an image is a plugin's, or is no more.  Any thread; 0, or ENOSPC
 * past 4,096 images: then faults in it are fatal.  The name, cut to 63 bytes, is
 * for what is said before such a fault ends the process.
 */
int netisr_host_plugin_image_add(uintptr_t low, uintptr_t high, const char *name);
void netisr_host_plugin_image_remove(uintptr_t low);

/*
 * The calling thread is about to have the dynamic linker run an image's
 * constructors, if it has any; NULL: no more.  Nothing can be held there: the
 * linker's lock is taken.  But it is said whose they are.
 */
void netisr_host_loading(const char *name);

/* Whether the calling thread recovered from a fault that nobody took up yet. */
int netisr_host_fault_is_pending(void);

/* The subject of the guarded call that it recovered at. */
void *netisr_host_fault_subject(void);

/* Takes it up: valid until the thread's next one. */
const struct netisr_host_fault *netisr_host_fault_take(void);

#ifdef __cplusplus
}
#endif

#endif /* !_NETISR_FAULT_H_ */
