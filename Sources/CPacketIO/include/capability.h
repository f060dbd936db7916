/*
 * capability.h - capabilities(7) of the calling thread.
 */
#ifndef _PACKETIO_CAPABILITY_H_
#define _PACKETIO_CAPABILITY_H_

#include <stdbool.h>

/* Whether the calling thread has it now. */
bool packetio_has_net_raw(void);
bool packetio_has_net_admin(void);

/*
 * Gives up, for the calling thread and all that it starts, every capability:
 * but, with keep_network, CAP_NET_RAW and CAP_NET_ADMIN, as far as it has
 * them.  None of them comes back, by a program that is executed either
 * (no_new_privs).
 */
int packetio_drop_capabilities(bool keep_network);

#endif /* !_PACKETIO_CAPABILITY_H_ */
