#include "tally.h"

#include <pthread.h>
#include <stdlib.h>

#define MAXTALLIES 64

_Thread_local struct tally *tally_own;

static struct tally tallies[MAXTALLIES];
static _Atomic unsigned int tally_count; /* those below were taken once */
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* At a thread's end: what it counted stays, and the next thread counts on. */
static void
give_back(void *own)
{
	atomic_store(&((struct tally *)own)->taken, 0);
}

static void
make_key(void)
{
	if (pthread_key_create(&key, give_back) != 0)
		abort();
}

struct tally *
tally_take(void)
{
	pthread_once(&once, make_key);
	for (unsigned int i = 0; i < MAXTALLIES; i++) {
		int expected = 0;
		unsigned int count = atomic_load(&tally_count);

		if (!atomic_compare_exchange_strong(&tallies[i].taken, &expected, 1))
			continue;
		while (count <= i && !atomic_compare_exchange_weak(&tally_count, &count, i + 1))
			continue;
		tally_own = &tallies[i];
		pthread_setspecific(key, tally_own);
		return (tally_own);
	}
	abort(); /* more than MAXTALLIES handling threads at once */
}

uint64_t
bench_handled(unsigned int lane)
{
	uint64_t sum = 0;

	for (unsigned int i = atomic_load_explicit(&tally_count, memory_order_acquire); i-- > 0;)
		sum += atomic_load_explicit(&tallies[i].handled[lane], memory_order_acquire);
	return (sum);
}
