/*
 * census.h - counting who holds the mbufs of a pool, by looking at all of them.
 *
 * The slabs of a pool stay mapped as long as it lives, so every mbuf ever made can
 * be read, whatever has become of it.  m_type tells whether it is in use, and
 * m_ispare who was given it last, or made it: the mark of a guarded call's subject
 * (guard.h).  Nothing is counted when packets move, so holding costs nothing but
 * that mark; while packets move, a census may be off by those.
 */
#ifndef _NETISR_CENSUS_H_
#define _NETISR_CENSUS_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory from which mbufs were cut, one behind the other. */
struct netisr_host_slab {
	uintptr_t base;
	size_t count; /* mbufs cut so far */
};

/* What one has. */
struct netisr_host_tally {
	uint32_t mark;
	uint32_t mbufs;
	uint32_t clusters;
};

/* Packets that are not their last handler's: in a queue, or in a table. */
struct netisr_host_root {
	uintptr_t first; /* with all that m_next and m_nextpkt lead to */
	uint32_t group;  /* whose tally they are counted in */
};

/*
 * Counts each mbuf in use for who has the first one of its chain.  slabs are
 * sorted by base, tallies by mark; groups are the roots'.  Any thread.
 * 0, or ENOMEM, then nothing was counted.
 */
int netisr_host_census(const struct netisr_host_slab *slabs, size_t slab_count,
    const struct netisr_host_root *roots, size_t root_count, struct netisr_host_tally *tallies,
    size_t tally_count, struct netisr_host_tally *groups, size_t group_count);

#ifdef __cplusplus
}
#endif

#endif /* !_NETISR_CENSUS_H_ */
