/*
 * misuse.h - what the checks of mbufs find (net.isr.mbufdebug): told to the plugin
 * that did it as a fault of its own.
 */
#ifndef _NETISR_MISUSE_H_
#define _NETISR_MISUSE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NETISR_HOST_DOUBLE_FREE  1 /* freed, and free already */
#define NETISR_HOST_FOREIGN_FREE 2 /* freed, and no mbuf of the pool */
#define NETISR_HOST_LATE_WRITE   3 /* written to while it was free */
#define NETISR_HOST_LATE_USE     4 /* handed on while it was free */

struct netisr_host_fault;

/* Writes down what was found now, on this thread: the rest is 0. */
void netisr_host_describe_misuse(struct netisr_host_fault *fault, int misuse, uintptr_t address, uint32_t mark);

/*
 * Ends the guarded call of a plugin that has called a function of mbuf.h with a
 * wrong mbuf, as after a fault: then it does not return.  Returns when it was not
 * the plugin itself that called: the host's functions between may hold state.
 * The caller must hold no lock, and own nothing that its frames would have to give back.
 */
void netisr_host_raise_misuse(int misuse, uintptr_t address, uint32_t mark);

/* Fills size bytes, a multiple of 8, with what is no address. */
void netisr_host_poison(void *memory, size_t size);
/* The first byte at which that was written to; size: none was. */
size_t netisr_host_poison_end(const void *memory, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* !_NETISR_MISUSE_H_ */
