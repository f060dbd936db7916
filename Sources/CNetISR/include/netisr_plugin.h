/*
 * netisr_plugin.h - what makes a shared object a plugin: one function and one
 * ELF note.  The note is read from the file's bytes before any code runs; it
 * holds no pointers, and one reader in the host reads it.
 */
#ifndef _NETISR_PLUGIN_H_
#define _NETISR_PLUGIN_H_

#include "mbuf.h"
#include "netisr.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Fills nhp, defines counters and tables, returns 0 or an errno value.
 * Called once after loading, before any packet.  [control]
 * On an error the image is unloaded again, and nothing it defined remains.
 */
int netisr_plugin_register(struct netisr_handler *nhp) __attribute__((visibility("default")));

/*
 * Optional.  Called when no handler of the plugin can run any more, before
 * the image is unmapped or kept as resident.  [control]
 */
void netisr_plugin_unregister(void) __attribute__((visibility("default")));

#define NETISR_NOTE_SECTION ".note.netisr"
#define NETISR_NOTE_NAME "NetISR" /* 7 bytes with its NUL, padded to 8 */
#define NETISR_NOTE_TYPE 1
#define NETISR_NOTE_MAGIC 0x4e495352u /* "NISR" */
#define NETISR_PLUGIN_NAMELEN 16      /* with a NUL: names have 1 to 15 bytes */

/* No flags are defined yet: an_flags is 0, and other values are refused. */

/*
 * The note's descriptor.  No field is wider than 4 bytes: a wider one would
 * align the section to 8, which shifts the descriptor.
 */
struct netisr_abi {
	uint32_t an_magic;     /* NETISR_NOTE_MAGIC */
	uint32_t an_size;      /* sizeof(struct netisr_abi) */
	uint16_t an_abi_major; /* NETISR_ABI_MAJOR */
	uint16_t an_abi_minor; /* NETISR_ABI_MINOR */
	uint32_t an_handler_size;   /* sizeof(struct netisr_handler) */
	uint32_t an_mbuf_size;      /* sizeof(struct mbuf) */
	uint32_t an_proto;          /* nh_proto that registration will ask for */
	uint32_t an_state_version;  /* of the plugin's tables: another one starts empty */
	uint32_t an_flags;          /* 0 */
	uint32_t an_plugin_version; /* the author's own */
	char an_name[NETISR_PLUGIN_NAMELEN]; /* nh_name: [a-z0-9_-], NUL padded */
};

struct netisr_abi_note {
	uint32_t n_namesz; /* 7 */
	uint32_t n_descsz; /* sizeof(struct netisr_abi) */
	uint32_t n_type;   /* NETISR_NOTE_TYPE */
	char n_name[8];
	struct netisr_abi n_desc;
};

/* For C: NETISR_PLUGIN("myproto", 11, 1, 100); at file scope. */
#define NETISR_PLUGIN(name, proto, state_version, plugin_version)                        \
	__attribute__((section(NETISR_NOTE_SECTION), used, aligned(4)))                  \
	static const struct netisr_abi_note netisr_abi_note = {                          \
	    sizeof(NETISR_NOTE_NAME),                                                    \
	    sizeof(struct netisr_abi),                                                   \
	    NETISR_NOTE_TYPE,                                                            \
	    NETISR_NOTE_NAME,                                                            \
	    {NETISR_NOTE_MAGIC, sizeof(struct netisr_abi), NETISR_ABI_MAJOR,             \
	     NETISR_ABI_MINOR, sizeof(struct netisr_handler), sizeof(struct mbuf),       \
	     (proto), (state_version), 0, (plugin_version), name}}

#ifdef __cplusplus
}
#endif

#endif /* !_NETISR_PLUGIN_H_ */
