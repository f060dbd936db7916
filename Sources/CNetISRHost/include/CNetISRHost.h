/*
 * CNetISRHost.h - the few things of the host that Swift has no words for:
 * a thread-local pointer, barriers, and system calls without a libc wrapper.
 * Plugins never see this header.
 */
#ifndef _CNETISRHOST_H_
#define _CNETISRHOST_H_

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "census.h"
#include "confine.h"
#include "dispositions.h"
#include "fault.h"
#include "guard.h"
#include "misuse.h"
#include "watch.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The calling thread's record, or NULL before it was attached to an engine.
 * Every call of a plugin looks here.  The host is a program, not a library
 * that is loaded later: so its place is known at start, and finding it is no
 * call, for which registers would have to be saved.
 */
extern _Thread_local void *netisr_host_self __attribute__((tls_model("local-exec")));

static inline void *
netisr_host_get_self(void)
{
	return netisr_host_self;
}

static inline void
netisr_host_set_self(void *self)
{
	netisr_host_self = self;
}

/* Keeps the compiler, not the CPU, from moving memory accesses across. */
static inline void
netisr_host_compiler_barrier(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void
netisr_host_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Asks for the cache line of something that will be read soon. */
static inline void
netisr_host_prefetch(const void *address)
{
	__builtin_prefetch(address);
}

/* Nanoseconds of CLOCK_MONOTONIC, without a system call where the machine can. */
static inline uint64_t
netisr_host_clock(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
}

/*
 * Sleeps as long as *word is value, until netisr_host_futex_wake() or, now and
 * then, for no reason (futex(2), private); at most ns nanoseconds by
 * CLOCK_MONOTONIC, UINT64_MAX is for ever.  Returns whether these are over.
 */
int netisr_host_futex_wait(const uint32_t *word, uint32_t value, uint64_t ns);
/* Wakes one thread that sleeps on word. */
void netisr_host_futex_wake(const uint32_t *word);

/*
 * Makes every running thread of this process execute a full memory barrier
 * before it returns (membarrier(2), private expedited).  The writer's half of
 * an asymmetric pair: the readers' half is a compiler barrier.
 * Returns 0 or an errno value.
 */
int netisr_host_membarrier(void);

/* memfd_create(2) with MFD_CLOEXEC | MFD_ALLOW_SEALING: a descriptor, or -errno. */
int netisr_host_memfd(const char *name);
/* Seals it against every change: 0 or an errno value. */
int netisr_host_memfd_seal(int fd);

/*
 * The CPUs that the process may use, by number, ascending: what is left by
 * taskset(1) and by cgroups.  At most max are written.  How many were, or -errno.
 */
int netisr_host_allowed_cpus(uint32_t *cpus, uint32_t max);
/* Lets a thread run on these CPUs only: 0 or an errno value. */
int netisr_host_bind_thread(pthread_t thread, const uint32_t *cpus, uint32_t count);

/* Waits for a thread's end, at most so long: 0, ETIMEDOUT or another errno value. */
int netisr_host_join(pthread_t thread, uint32_t ms);

/* Names the calling thread, as ps(1) shows it; cut to 15 bytes. */
void netisr_host_name_thread(const char *name);

/* What the dynamic linker has mapped for one dlopen(3) handle. */
struct netisr_host_image {
	uintptr_t low;  /* first address of its segments */
	uintptr_t high; /* behind their last address */
	uint64_t code;  /* bytes of its segments of code, in whole pages */
	uint32_t build_id_size; /* bytes; 0: it has no build-id */
	uint8_t build_id[64];
};

/*
 * Fills the pages from low to high where nothing is mapped with code that returns: the
 * dynamic linker calls an image's end at the process's, if nothing else does.
 */
void netisr_host_image_fill(uintptr_t low, uintptr_t high);

/* Whether anything is mapped in the pages from low to high (mincore(2)). */
int netisr_host_is_mapped(uintptr_t low, uintptr_t high);

/*
 * How many mappings this process has of a file, and bytes of code in them; the path is
 * that of proc_pid_maps(5).  The kernel writes a line for each mapping of the process:
 * nothing for what every load does.
 */
unsigned int netisr_host_mappings_of(const char *file, uint64_t *code);

/* 0, or -1 when the handle's image is not in the linker's list. */
int netisr_host_image_of(void *handle, struct netisr_host_image *image);

/*
 * The nearest exported symbol at or before an address, and where it starts;
 * NULL when there is none.  The name lives as long as its image is mapped.
 */
const char *netisr_host_symbol_of(uintptr_t address, uintptr_t *start);

#ifdef __cplusplus
}
#endif

#endif /* !_CNETISRHOST_H_ */
