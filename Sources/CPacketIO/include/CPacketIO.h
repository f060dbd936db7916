/*
 * CPacketIO.h - what Linux says in C only: packet sockets, tap devices,
 * links, rtnetlink, capabilities.
 *
 * Functions that can fail return a negated errno value, or 0 or more.  None
 * of them keeps state.  [any thread]
 */
#ifndef _CPACKETIO_H_
#define _CPACKETIO_H_

#include "capability.h"
#include "cork.h"
#include "link.h"
#include "netlink.h"
#include "ring.h"
#include "tap.h"
#include "transmit.h"
#include "waker.h"

#endif /* !_CPACKETIO_H_ */
