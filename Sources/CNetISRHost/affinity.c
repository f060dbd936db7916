#define _GNU_SOURCE
#include "CNetISRHost.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

/* More CPUs than any kernel is built for: a mask that is too short is an error. */
#define MAXCPUS 8192
#define MASK_SIZE CPU_ALLOC_SIZE(MAXCPUS)

typedef union {
	cpu_set_t set;
	char bytes[MAXCPUS / 8];
} mask_t;

int
netisr_host_allowed_cpus(uint32_t *cpus, uint32_t max)
{
	mask_t mask;
	uint32_t count = 0;

	/* The first thread's mask: others may be bound already. */
	if (sched_getaffinity(getpid(), MASK_SIZE, &mask.set) != 0)
		return (-errno);
	for (uint32_t cpu = 0; cpu < MAXCPUS && count < max; cpu++)
		if (CPU_ISSET_S(cpu, MASK_SIZE, &mask.set))
			cpus[count++] = cpu;
	return ((int)count);
}

int
netisr_host_bind_thread(pthread_t thread, const uint32_t *cpus, uint32_t count)
{
	mask_t mask;

	memset(&mask, 0, sizeof(mask));
	for (uint32_t i = 0; i < count; i++) {
		if (cpus[i] >= MAXCPUS)
			return (EINVAL);
		CPU_SET_S(cpus[i], MASK_SIZE, &mask.set);
	}
	return (pthread_setaffinity_np(thread, MASK_SIZE, &mask.set));
}
