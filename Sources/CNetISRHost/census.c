#include "census.h"

#include <errno.h>
#include <stdlib.h>

#include "mbuf.h"

/*
 * Other threads write these fields meanwhile, with plain stores.  Each load here is
 * of one aligned word, which is some value that the field had; what is followed is
 * checked to be an mbuf of the pool.  The thread sanitizer is not told, which takes
 * more than no_sanitize("thread"): that leaves atomic loads in.
 */
#if __has_feature(thread_sanitizer)
#define UNWATCHED __attribute__((disable_sanitizer_instrumentation))
#else
#define UNWATCHED
#endif
#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)

/* What is known of an mbuf. */
#define FOLLOWS 0x1 /* some m_next leads to it */
#define ROOTED  0x2 /* a root leads to it */

struct census {
	const struct netisr_host_slab *slabs;
	size_t slab_count;
	size_t *first;  /* by slab, the number of its first mbuf */
	size_t count;   /* mbufs of all slabs */
	uint8_t *known; /* by number */
	size_t *stack;  /* numbers, as many as there are mbufs */
};

#define NOWHERE SIZE_MAX

/* The number of the mbuf at an address; NOWHERE when there is none. */
static size_t
number_of(const struct census *census, uintptr_t address)
{
	size_t low = 0, high = census->slab_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct netisr_host_slab *slab = &census->slabs[middle];

		if (address < slab->base) {
			high = middle;
		} else if (address >= slab->base + slab->count * MSIZE) {
			low = middle + 1;
		} else {
			if ((address - slab->base) % MSIZE != 0)
				return (NOWHERE);
			return (census->first[middle] + (address - slab->base) / MSIZE);
		}
	}
	return (NOWHERE);
}

static const struct mbuf *
mbuf_of(const struct census *census, size_t number)
{
	size_t low = 0, high = census->slab_count;

	/* The last slab that begins at or before it. */
	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (census->first[middle] <= number)
			low = middle;
		else
			high = middle;
	}
	return ((const struct mbuf *)(census->slabs[low].base + (number - census->first[low]) * MSIZE));
}

UNWATCHED static int
is_used(const struct mbuf *m)
{
	return (LOAD(m->m_type) != 0);
}

/* Counts an mbuf in use. */
UNWATCHED static void
count(struct netisr_host_tally *tally, const struct mbuf *m)
{
	tally->mbufs++;
	if ((LOAD(m->m_flags) & M_EXT) != 0)
		tally->clusters++;
}

/* Finds all that a root leads to, and counts it. */
UNWATCHED static void
follow(const struct census *census, const struct netisr_host_root *root, struct netisr_host_tally *group)
{
	size_t depth = 0, number = number_of(census, root->first);

	if (number == NOWHERE || (census->known[number] & ROOTED) != 0 || !is_used(mbuf_of(census, number)))
		return;
	census->known[number] |= ROOTED;
	census->stack[depth++] = number;
	while (depth > 0) {
		const struct mbuf *m = mbuf_of(census, census->stack[--depth]);
		const uintptr_t next[2] = {(uintptr_t)LOAD(m->m_next), (uintptr_t)LOAD(m->m_nextpkt)};

		count(group, m);
		for (int i = 0; i < 2; i++) {
			number = number_of(census, next[i]);
			/* Each is pushed once, so the stack has the room. */
			if (number == NOWHERE || (census->known[number] & ROOTED) != 0 ||
			    !is_used(mbuf_of(census, number)))
				continue;
			census->known[number] |= ROOTED;
			census->stack[depth++] = number;
		}
	}
}

static struct netisr_host_tally *
tally_of(struct netisr_host_tally *tallies, size_t tally_count, uint32_t mark)
{
	size_t low = 0, high = tally_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (tallies[middle].mark == mark)
			return (&tallies[middle]);
		if (tallies[middle].mark < mark)
			low = middle + 1;
		else
			high = middle;
	}
	return (NULL);
}

/* Counts what is in use and no root's, chain by chain. */
UNWATCHED static void
take(const struct census *census, struct netisr_host_tally *tallies, size_t tally_count)
{
	for (size_t slab = 0; slab < census->slab_count; slab++) {
		const struct mbuf *m = (const struct mbuf *)census->slabs[slab].base;

		for (size_t i = 0; i < census->slabs[slab].count; i++) {
			size_t next = number_of(census, (uintptr_t)LOAD(m[i].m_next));

			if (next != NOWHERE && is_used(&m[i]))
				census->known[next] |= FOLLOWS;
		}
	}
	for (size_t number = 0; number < census->count; number++) {
		const struct mbuf *m = mbuf_of(census, number);
		struct netisr_host_tally *tally;

		if (census->known[number] != 0 || !is_used(m))
			continue;
		if ((tally = tally_of(tallies, tally_count, LOAD(m->m_ispare))) == NULL)
			continue;
		/* A chain that is changed meanwhile may run in a circle: not longer than there are mbufs. */
		for (size_t links = 0; links < census->count; links++) {
			count(tally, m);
			size_t next = number_of(census, (uintptr_t)LOAD(m->m_next));

			if (next == NOWHERE || (census->known[next] & ROOTED) != 0)
				break;
			m = mbuf_of(census, next);
			if (!is_used(m))
				break;
		}
	}
}

int
netisr_host_census(const struct netisr_host_slab *slabs, size_t slab_count,
    const struct netisr_host_root *roots, size_t root_count, struct netisr_host_tally *tallies,
    size_t tally_count, struct netisr_host_tally *groups, size_t group_count)
{
	struct census census = {.slabs = slabs, .slab_count = slab_count};
	int error = ENOMEM;

	if (slab_count == 0)
		return (0);
	census.first = calloc(slab_count, sizeof(*census.first));
	if (census.first == NULL)
		return (ENOMEM);
	for (size_t slab = 0; slab < slab_count; slab++) {
		census.first[slab] = census.count;
		census.count += slabs[slab].count;
	}
	census.known = calloc(census.count + 1, sizeof(*census.known));
	census.stack = malloc((census.count + 1) * sizeof(*census.stack));
	if (census.known != NULL && census.stack != NULL) {
		for (size_t root = 0; root < root_count; root++) {
			if (roots[root].group < group_count)
				follow(&census, &roots[root], &groups[roots[root].group]);
		}
		take(&census, tallies, tally_count);
		error = 0;
	}
	free(census.first);
	free(census.known);
	free(census.stack);
	return (error);
}
