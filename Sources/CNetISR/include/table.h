/*
 * table.h - tables that live in the host: what must survive a swap, or is
 * shared between plugins.
 *
 * A table has a name "plugin.table", fixed key and value sizes, a bound on
 * its entries, and one content per vnet.  It belongs to the plugin that opened
 * it, and to that plugin's state version: a new generation with the same
 * version finds the content, one with another version gets it empty.
 *
 * A table whose name begins with "shared." belongs to nobody: every plugin may
 * open and write it, in the same shape, and its content stays.
 *
 * Values are copied in and out.  Readers and writers may be on any threads;
 * each call is atomic for its entry.
 *
 * A hash table's key is any bytes.  A longest-prefix-match table's key is
 * struct { uint32_t prefixlen; uint8_t addr[n]; } with prefixlen in bits, in
 * host order, and the address in network order; bits behind the prefix are
 * ignored.
 */
#ifndef _TABLE_H_
#define _TABLE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mbuf;
struct table; /* a handle; lives as long as the host */

#define TABLE_HASH 1
#define TABLE_LPM 2

#define TABLE_MAXKEY 64
#define TABLE_MAXVALUE 1024
#define TABLE_MAXENTRIES (1u << 22)

/* ts_flags */
/* The value begins with struct table_held: packets that the entry owns.  They
 * are freed with the entry, when it is removed without them being taken out. */
#define TABLE_HOLDS_MBUFS 0x1u

struct table_held {
	struct mbuf *th_chain;  /* linked by m_next and m_nextpkt as its owner likes */
	uint32_t th_bytes;      /* memory they occupy, as the owner counts it */
	uint32_t th_packets;
};

struct table_spec {
	const char *ts_name; /* "plugin.table", at most 63 bytes; copied */
	uint32_t ts_kind;
	uint32_t ts_keysize;    /* bytes, 1 to TABLE_MAXKEY; LPM: 8 or 20 */
	uint32_t ts_valuesize;  /* bytes, 1 to TABLE_MAXVALUE */
	uint32_t ts_maxentries; /* per vnet, 1 to TABLE_MAXENTRIES */
	uint32_t ts_flags;
	uint32_t ts_spare; /* 0 */
	/*
	 * How people are shown an entry, or NULL: the key's fields in order,
	 * "=", and the value's, each "name:type" ("-": not shown), such as
	 * "address:ipv4 port:n16 -:2 = hits:u64 seen:time".  Types: ipv4, ipv6,
	 * mac, as in packets; u8, u16, u32, u64 in host order; n16, n32, n64 in
	 * network order; time, a u64 of nanoseconds since the epoch; ip/FIELD,
	 * 16 bytes that are ipv6, or ipv4 and zeros where the field of that name
	 * is 4; s and a number, so many bytes of text; a number, so many bytes in
	 * hexadecimal.  They cover key and value to the byte; a prefix needs no
	 * fields: "= gateway:ipv4".  Copied.
	 */
	const char *ts_format;
};

/*
 * Opens a table of the calling plugin, making it when it is not there.  Only
 * from netisr_plugin_register().  [control]
 * EINVAL: the spec is wrong or the name is neither the plugin's nor shared;
 * EEXIST: it exists with another shape under the same state version; ENOMEM.
 */
int table_open(const struct table_spec *spec, struct table **tp);
/*
 * A read-only handle to another plugin's table, whether or not it exists yet:
 * look-ups say ENOENT until a table of this kind and of these sizes is there.  [control]
 */
int table_find(const struct table_spec *spec, struct table **tp);

/* Copies the value of key out.  [any thread] 0 or ENOENT.  For LPM: exact match. */
int table_lookup(struct table *t, uint32_t vnet, const void *key, void *value);
/* LPM only: the longest prefix that covers addr; its length in *plen, if not
 * NULL.  [any thread] 0, ENOENT, EINVAL for a hash table. */
int table_match(struct table *t, uint32_t vnet, const void *addr, void *value, uint32_t *plen);
/* Sets the value of key.  [any thread] 0, ENOSPC when full, EPERM by a
 * read-only handle, EINVAL (LPM: prefix too long; table holds mbufs). */
int table_insert(struct table *t, uint32_t vnet, const void *key, const void *value);
/* Removes key, and copies its value out if value is not NULL.  [any thread]
 * 0, ENOENT, EPERM, EINVAL (table holds mbufs: use table_update). */
int table_remove(struct table *t, uint32_t vnet, const void *key, void *value);

/*
 * Called with the entry locked; changes the value in place; returns what
 * becomes of the entry.  It must not call into tables nor dispatch packets;
 * it may allocate and free mbufs.
 */
#define TABLE_KEEP 0
#define TABLE_REMOVE 1
typedef int table_update_t(void *arg, const void *key, void *value, int found);

/* Runs fn on key's entry; a missing one is made, all zero, with found = 0
 * (hash tables only).  [any thread] 0, ENOSPC, EPERM, EINVAL. */
int table_update(struct table *t, uint32_t vnet, const void *key, table_update_t *fn, void *arg);
/* Runs fn on every entry of the vnet, in no order; returns how many were
 * removed.  By a read-only handle the value is a copy, and nothing is removed.
 * [any thread]; entries made meanwhile may be missed. */
uint32_t table_sweep(struct table *t, uint32_t vnet, table_update_t *fn, void *arg);
/* Runs fn on the entry that was made first, then removes it.  Hash tables
 * only.  [any thread] 0 or ENOENT. */
int table_evict(struct table *t, uint32_t vnet, table_update_t *fn, void *arg);

/* Entries, and the sum of th_bytes over them.  [any thread] */
uint32_t table_count(struct table *t, uint32_t vnet);
uint64_t table_held_bytes(struct table *t, uint32_t vnet);

#ifdef __cplusplus
}
#endif

#endif /* !_TABLE_H_ */
