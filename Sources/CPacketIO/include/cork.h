/*
 * cork.h - one pointer for each thread: what it sends is held together there.
 */
#ifndef _PACKETIO_CORK_H_
#define _PACKETIO_CORK_H_

/* The calling thread's pointer, NULL at first. */
void *packetio_cork_get(void);
void packetio_cork_set(void *cork);

#endif /* !_PACKETIO_CORK_H_ */
