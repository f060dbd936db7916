/*
 * guard.h - calls of plugin code that a fault does not end the process for.
 *
 * A guarded call saves the registers that its caller relies on in a frame on
 * the stack, and publishes that frame as the thread's innermost.  When the code
 * that it calls faults, the signal handler (fault.h) sets the stack pointer
 * to the frame and goes on at netisr_host_recover, which returns from the call
 * in the ordinary way, with a value that says so.  Everything between the two
 * is forgotten: which is why a fault inside the host's own code is no case
 * for this.
 *
 * setjmp(3) does the same, but stores twice as much, takes 5 ns, and can't be
 * called from Swift.  A guarded call takes 30 instructions where a plain one
 * takes two; one for a batch takes them once, and then a packet costs one
 * store, of the place in the list.
 *
 * Frames nest: a handler that dispatches directly is guarded, and so is the
 * handler that it calls.  The innermost recovers.
 */
#ifndef _NETISR_GUARD_H_
#define _NETISR_GUARD_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mbuf;

/*
 * For whom a guarded call is: the beginning of a subject.  guard.S knows the
 * offsets, and writes the mark into the packets that it calls a handler for.
 */
struct netisr_host_subject {
	void (*function)(void); /* the handler; guarded calls of other functions do not look */
	uint32_t mark;          /* who holds the packets that its code is given or makes; never 0 */
	uint32_t is_bare;       /* 1: of a callout, a registration, an end; 0: a protocol's record is behind it */
};

/* What lies at a frame's stack pointer.  guard.S knows the offsets. */
struct netisr_host_frame {
	struct mbuf **cursor;             /* where the packet in flight stands; in other frames the function */
	struct netisr_host_frame *outer;  /* the next outer one; NULL: none */
	void *subject;                    /* begins with a struct netisr_host_subject */
	struct mbuf **list;               /* the first packet; NULL: no handler's frame */
	uintptr_t argument;               /* the only packet, the number of packets, or the function's first argument */
	uintptr_t saved[6];               /* r15 r14 r13 r12 rbx rbp */
	uintptr_t caller;                 /* return address */
};

/* The calling thread's innermost frame; NULL outside of guarded calls. */
extern _Thread_local struct netisr_host_frame *netisr_host_frame
    __attribute__((tls_model("local-exec")));

/* The mark of the plugin whose code called, the innermost; 0: none. */
static inline uint32_t
netisr_host_mark(void)
{
	const struct netisr_host_frame *frame = netisr_host_frame;

	return (frame == NULL ? 0 : ((const struct netisr_host_subject *)frame->subject)->mark);
}

/*
 * Calls the handler that stands at the beginning of subject for each packet of
 * a list, which must not be changed meanwhile.  Returns how many of these calls
 * returned: fewer than count says that the next one faulted, and the rest was
 * not begun.
 */
size_t netisr_host_call_batch(void *subject, struct mbuf **list, size_t count);

/* The same for one packet: 1, or 0 after a fault. */
size_t netisr_host_call(void *subject, struct mbuf *m);

struct netisr_host_result {
	uintptr_t value;
	uintptr_t returned; /* 1, or 0 after a fault: then value is 0 */
};

/* Any function of a plugin with up to three integers or pointers as arguments. */
typedef void (*netisr_host_function)(void);

/* Calls one. */
struct netisr_host_result netisr_host_call_function(void *subject, netisr_host_function function,
    uintptr_t first, uintptr_t second, uintptr_t third);

/* Where a thread goes on after a fault, with its stack pointer at its innermost frame. */
void netisr_host_recover(void);

/* Where the call of a lost thread returns to (watch.h): the thread ends. */
void netisr_host_lost(void);

/* The first address of all of these, and the one behind the last. */
extern const char netisr_host_guard_begin[], netisr_host_guard_end[];

#ifdef __cplusplus
}
#endif

#endif /* !_NETISR_GUARD_H_ */
