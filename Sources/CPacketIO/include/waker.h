/*
 * waker.h - eventfd(2), which Swift does not see.
 */
#ifndef _PACKETIO_WAKER_H_
#define _PACKETIO_WAKER_H_

#include <stdint.h>
#include <sys/eventfd.h>

/* A descriptor that is readable from packetio_waker_wake() to packetio_waker_settle(). */
static inline int
packetio_waker_open(void)
{
	return (eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

static inline void
packetio_waker_wake(int fd)
{
	/* It fails only when the descriptor is readable anyway. */
	(void)eventfd_write(fd, 1);
}

static inline void
packetio_waker_settle(int fd)
{
	eventfd_t count;

	(void)eventfd_read(fd, &count);
}

#endif /* !_PACKETIO_WAKER_H_ */
