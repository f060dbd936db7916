/*
 * probe.c - how far two CPUs are from each other at the moment: the round trip
 * of a cache line.  On virtual machines that changes within seconds, by a
 * factor of five, and figures from before and after can't be compared.
 *
 * The least of several averages, so that a moment in which one of the two
 * threads does not run does not count.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CEngineBench.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#define AVERAGES 20
#define TRIPS 100

struct bench_probe {
	_Atomic uint64_t ball; /* odd: on its way out; even: back */
	char pad[56];
	sem_t begin;
	_Atomic int stopping;
	pthread_t thread;
} __attribute__((aligned(64)));

static void *
answer(void *argument)
{
	struct bench_probe *probe = argument;

	for (;;) {
		while (sem_wait(&probe->begin) != 0)
			continue;
		if (atomic_load(&probe->stopping))
			return (NULL);
		/* Release and acquire in both directions: nothing but the line matters. */
		for (uint64_t ball = 1; ball < 2 * AVERAGES * TRIPS; ball += 2) {
			while (atomic_load_explicit(&probe->ball, memory_order_acquire) != ball)
				continue;
			atomic_store_explicit(&probe->ball, ball + 1, memory_order_release);
		}
	}
}

struct bench_probe *
bench_probe_start(unsigned int cpu)
{
	struct bench_probe *probe = aligned_alloc(64, sizeof(*probe));
	pthread_attr_t attributes;
	cpu_set_t set;
	int error;

	if (probe == NULL)
		return (NULL);
	atomic_init(&probe->ball, 0);
	atomic_init(&probe->stopping, 0);
	(void)sem_init(&probe->begin, 0, 0);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)pthread_attr_init(&attributes);
	error = pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
	if (error == 0)
		error = pthread_create(&probe->thread, &attributes, answer, probe);
	(void)pthread_attr_destroy(&attributes);
	if (error != 0) {
		free(probe);
		return (NULL);
	}
	return (probe);
}

double
bench_probe_measure(struct bench_probe *probe)
{
	uint64_t ball = 0, least = UINT64_MAX;

	atomic_store_explicit(&probe->ball, 0, memory_order_release);
	(void)sem_post(&probe->begin);
	for (int i = 0; i < AVERAGES; i++) {
		uint64_t begin = bench_now(), took;

		for (int j = 0; j < TRIPS; j++) {
			atomic_store_explicit(&probe->ball, ball + 1, memory_order_release);
			ball += 2;
			while (atomic_load_explicit(&probe->ball, memory_order_acquire) != ball)
				continue;
		}
		took = bench_now() - begin;
		if (took < least)
			least = took;
	}
	return ((double)least / TRIPS);
}

void
bench_probe_stop(struct bench_probe *probe)
{
	atomic_store(&probe->stopping, 1);
	(void)sem_post(&probe->begin);
	pthread_join(probe->thread, NULL);
	(void)sem_destroy(&probe->begin);
	free(probe);
}
