/*
 * tap.h - tap devices: Documentation/networking/tuntap.rst.
 */
#ifndef _PACKETIO_TAP_H_
#define _PACKETIO_TAP_H_

#include <stdbool.h>
#include <stdint.h>

/*
 * Attaches to the tap device of that name, and makes it when there is none;
 * what was made ends with its last descriptor.  One call a queue.  Frames are
 * read and written whole, without a header in front.  -EPERM: needs
 * CAP_NET_ADMIN; -EBUSY: somebody has it; -EINVAL: it is no tap device, or
 * has one queue only.  -ENOENT, -ENODEV: the system has no such devices.
 */
int packetio_tap_open(const char *name, bool has_queues);

#endif /* !_PACKETIO_TAP_H_ */
